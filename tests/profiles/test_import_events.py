"""Importing files into a real database: what the Online Retail file becomes, interruption, repetition, bad lines."""

from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from cdp.models import Job
from cdp.models.job import JobState
from profiles.imports import mapping, running
from profiles.ingest import accounting
from profiles.management.commands.import_events import MAPPINGS
from profiles.models import Event, InboxRow, RejectedEvent, Source

RETAIL = Path(__file__).resolve().parents[3] / "shared" / "data" / "online_retail" / "online_retail.csv.gz"
pytestmark = pytest.mark.django_db(transaction=True)

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def order(invoice: str, *, customer: str = "c1", quantity: str = "1", at: str = "2011-01-01 10:00:00") -> str:
    return f"{invoice},85123A,LANTERN,{quantity},{at},2.55,{customer},Germany\n"


def import_lines(tmp_path: Path, *lines: str, drain: bool = True) -> Path:
    file = tmp_path / "orders.csv"
    file.write_bytes((HEADER + "".join(lines)).encode("utf-8", "surrogateescape"))
    call_command("import_events", str(file), mapping="online_retail", drain=drain)
    return file


def test_the_online_retail_file_becomes_the_orders_and_refunds_that_pandas_finds_in_it() -> None:
    if not RETAIL.exists():
        pytest.skip("the Online Retail file is not on this machine: ../shared/data/online_retail/online_retail.csv.gz")
    pandas = pytest.importorskip("pandas")
    lines = pandas.read_csv(RETAIL, dtype={"InvoiceNo": str, "CustomerID": str})
    lines["revenue"] = lines.Quantity * lines.UnitPrice
    named = lines[lines.CustomerID.notna()]
    refunds = named[named.InvoiceNo.str.startswith("C")]
    kept = named[~named.InvoiceNo.str.startswith("C") & (named.Quantity > 0) & (named.UnitPrice > 0)]
    orders = kept.groupby("InvoiceNo").agg(who=("CustomerID", "first"), revenue=("revenue", "sum"))

    call_command("import_events", str(RETAIL), mapping="online_retail", drain=True)

    totals = accounting.totals(source="online-retail")
    assert totals.balanced
    assert (totals.stored, totals.rejected, totals.duplicate, totals.pending) == (11_168 + 2_141, 2_175, 0, 0)
    assert set(RejectedEvent.objects.values_list("code", flat=True)) == {"missing_id"}
    stored = stored_orders("Order Completed")
    assert {invoice: who for invoice, (who, _) in stored.items()} == orders.who.to_dict()
    assert all(abs(float(stored[invoice][1]) - revenue) < 1e-6 for invoice, revenue in orders.revenue.items())
    assert round(float(sum(revenue for _, revenue in stored.values())), 2) == 5_008_698.47
    assert stored_orders("Order Refunded").keys() == set(refunds.InvoiceNo)


def stored_orders(name: str) -> dict[str, tuple[str, Decimal]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT properties ->> 'order_id', value, amount FROM events JOIN identifier USING (origin_id)"
            " WHERE name = %s AND type = 'user_id'",
            [name],
        )
        return {order_id: (who, amount) for order_id, who, amount in cursor.fetchall()}


def test_an_import_goes_through_the_inbox_and_is_counted_like_every_request(tmp_path: Path) -> None:
    import_lines(tmp_path, order("1"), order("1"), order("C2", quantity="-1"), order("3", customer=""))

    assert accounting.totals() == accounting.Totals(accepted=3, stored=2, duplicate=0, rejected=1, pending=0, parked=0)
    assert Source.objects.get().kind == "import"
    completed = Event.objects.get(name="Order Completed")
    assert (completed.properties["revenue"], completed.amount) == (5.1, Decimal("5.1"))
    assert len(completed.properties["products"]) == 2


def test_importing_again_adds_nothing_even_when_the_note_of_it_is_lost(tmp_path: Path) -> None:
    file = import_lines(tmp_path, order("1"), order("2"))
    call_command("import_events", str(file), mapping="online_retail", drain=True)
    assert accounting.totals().accepted == 2

    Job.objects.all().delete()
    call_command("import_events", str(file), mapping="online_retail", drain=True)

    assert accounting.totals() == accounting.Totals(accepted=4, stored=2, duplicate=2, rejected=0, pending=0, parked=0)


def test_an_interrupted_import_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "EVENTS_PER_REQUEST", 2)
    file = tmp_path / "orders.csv"
    file.write_text(HEADER + "".join(order(str(number)) + order(str(number)) for number in range(7)))
    chosen = mapping.load(MAPPINGS / "online_retail.json")

    def interrupt(progress: running.Progress, _: int) -> None:
        if progress.events == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        running.run(path=file, mapping=chosen, source="shop", now=timezone.now(), on_step=interrupt)
    assert accounting.totals().accepted == 4
    assert Job.objects.get().state == JobState.RUNNING

    done = running.run(path=file, mapping=chosen, source="shop", now=timezone.now(), on_step=lambda *_: None)

    assert (done.events, done.lines) == (7, 14)
    assert accounting.totals().accepted == 7
    job = Job.objects.get()
    assert (job.state, job.done, job.total) == (JobState.DONE, 14, 14)
    assert InboxRow.objects.count() == 4


def test_bad_lines_are_recorded_with_line_and_column_and_the_others_are_imported(tmp_path: Path) -> None:
    import_lines(
        tmp_path,
        order("1"),
        order("2", quantity="many"),
        "3,too,short\n",
        order("4", at="yesterday"),
        order("5", at="1970-01-01 00:00:00"),
        order("6", at="2200-01-01 00:00:00"),
        order("7", customer="c\udcff"),
        order("8", customer="c\x00"),
        order("9", customer="x" * 501),
        order("10"),
        "11,too,short\n",
        order("12"),
        "12,too,short\n",
        order("12"),
    )

    totals = accounting.totals()
    assert totals.balanced
    assert (totals.stored, totals.rejected, totals.pending) == (2, 6, 0)
    found = RejectedEvent.objects.order_by("inbox_id", "position").values_list("code", "field", "inbox_id")
    assert [(code, field) for code, field, inbox_id in found if inbox_id is None] == [
        ("unreadable_line", "Quantity"),
        ("unreadable_line", ""),
        ("unreadable_line", ""),
        ("unreadable_line", "InvoiceNo"),
        ("unreadable_line", ""),
    ]
    assert [(code, field) for code, field, inbox_id in found if inbox_id] == [
        ("invalid_time", "timestamp"),
        ("time_too_old", "timestamp"),
        ("time_ahead", "timestamp"),
        ("invalid_text", "userId"),
        ("invalid_text", "userId"),
        ("too_long", "userId"),
    ]
    assert RejectedEvent.objects.filter(reason="Line 2: Quantity is not a number.").exists()


def test_rows_that_are_not_in_are_told_and_written_without_their_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = import_lines(tmp_path, order("1"), order("2", quantity="a secret"), order("4", at="yesterday"))

    call_command("import_events", str(file), mapping="online_retail", report=tmp_path / "report.csv")

    told = capsys.readouterr().err
    assert "row 2: Quantity (text of 8 characters): is not a number." in told
    written = (tmp_path / "report.csv").read_text()
    assert [line.split(",")[0] for line in written.splitlines()] == ['"row"', '"2"', '"3"']
    assert "secret" not in told + written and "yesterday" not in told + written


def test_without_a_column_that_the_mapping_reads_nothing_is_imported(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("InvoiceNo,Quantity\n1,2\n")

    with pytest.raises(CommandError, match="Country, CustomerID"):
        call_command("import_events", str(file), mapping="online_retail")
    with pytest.raises(CommandError, match="no file"):
        call_command("import_events", str(tmp_path / "none.csv"), mapping="online_retail")
    assert accounting.totals().accepted == 0
