"""The lifecycle in the admin: a list that says what is live and what waits, a page per version, buttons that say why.

A type's admin is a few lines:

    @admin.register(Segment)
    class SegmentAdmin(GovernedAdmin):
        content_form = RuleForm                          # or the JSON text that is the default
        def sections(self, version): return [Section("Sentence", …)]

The head has the ordinary change page; the versions below it and their pages are ours. Every button is one verb.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin.options import csrf_protect_m
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Prefetch, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from simple_history.admin import SimpleHistoryAdmin
from unfold.decorators import display

from cdp.governance import lifecycle
from cdp.governance.differences import Change, Line, side_by_side, words
from cdp.governance.errors import GovernanceError
from cdp.governance.forms import CommentForm, ContentForm
from cdp.governance.governed import Governed, governed_of
from cdp.governance.models import GovernedHead, GovernedVersion, State
from cdp.governance.standing import standing_of
from cdp.models import User
from cdp.role_admin import RoleAdmin
from cdp.roles import Role, roles_of

CHIPS = {State.LIVE: "good", State.REVIEW: "warning", State.REJECTED: "bad", State.DRAFT: "accent"}
NOTHING = SafeString('<span class="cdp-subtle">–</span>')
OPEN = (State.DRAFT, State.REVIEW)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the version's page that the type contributes: a heading and its HTML."""

    title: str
    body: SafeString


@dataclass(frozen=True, slots=True)
class Comparison:
    """A version beside the one it would replace, or replaced."""

    before: GovernedVersion
    after: GovernedVersion
    lines: Sequence[Line]
    sentence: SafeString | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A button: the verb's address and name; `comment` when it needs one."""

    verb: str
    label: str
    style: str
    comment: bool
    address: str


class GovernedAdmin(SimpleHistoryAdmin, RoleAdmin):
    editors = (Role.AUTHOR,)
    adders = (Role.AUTHOR,)
    actions = None
    search_fields = ("key", "name")
    list_display = ("name", "key", "shown_live", "shown_waiting", "owner")
    list_select_related = ("owner", "live_version")
    fields = ("key", "name", "description", "owner")
    ordering = ("name",)
    change_form_outer_before_template = "admin/governance/head_versions.html"
    history_list_display = ()
    empty_title = "Nothing here yet"
    empty_text = "An author adds the first one; a second person approves it."

    content_form: ClassVar[type[forms.Form]] = ContentForm
    version_template: ClassVar[str] = "admin/governance/version.html"
    content_template: ClassVar[str] = "admin/governance/content.html"

    # -- what a type may say -----------------------------------------------------------------------------------

    def sections(self, version: Any) -> Sequence[Section]:
        """Return what the type tells about a version beside its JSON, most telling first."""
        return ()

    def told(self, version: Any) -> str | None:
        """Say the content as a sentence, for the reviewer to see what changes in it."""
        return None

    def counted(self, version: Any) -> SafeString | None:
        """Say in a line what the change comes to."""
        return None

    def evidence(self, version: Any) -> SafeString | None:
        """Draw the frozen evidence; None shows it as JSON."""
        return None

    def content_of(self, form: forms.Form) -> Any:
        """Read the content from the valid content form."""
        return form.cleaned_data["content"]

    def first_content(self) -> Any:
        """Return what a first draft's form shows."""
        return {}

    # -- list and head -------------------------------------------------------------------------------------------

    @property
    def governed(self) -> Governed:
        return governed_of(self.model)

    def get_queryset(self, request: HttpRequest) -> Any:
        waiting = self.governed.version._default_manager.filter(head=OuterRef("pk"), state=State.REVIEW)
        heads: QuerySet[Any] = super().get_queryset(request)
        return heads.annotate(waiting_number=Subquery(waiting.values("number")[:1]))

    @display(description="live")
    def shown_live(self, head: Any) -> SafeString:
        if head.live_version is None:
            return NOTHING
        return format_html('<span class="cdp-chip cdp-chip-good">v{}</span>', head.live_version.number)

    @display(description="waiting for approval")
    def shown_waiting(self, head: Any) -> SafeString:
        if head.waiting_number is None:
            return NOTHING
        return format_html('<span class="cdp-chip cdp-chip-warning">v{}</span>', head.waiting_number)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_fields(request, obj)
        return fields if obj else [name for name in fields if name != "owner"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = tuple(super().get_readonly_fields(request, obj))
        return (*fields, "key") if obj else fields

    def revert_disabled(self, request: HttpRequest, obj: Any = None) -> bool:
        """Going back is a version of its own; the head's history only tells."""
        return True

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        now, by, given = timezone.now(), self._person(request), dict(form.cleaned_data)
        if change:
            lifecycle.describe(head=obj, by=by, now=now, **given)
        else:
            created = lifecycle.create(governed=self.governed, by=by, now=now, **given)
            obj.__dict__.update({k: v for k, v in created.__dict__.items() if not k.startswith("_")})
            obj._state.adding = False

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return HttpResponseRedirect(self._address("draft", obj.pk))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        head = self.get_object(request, object_id) if object_id else None
        if head is not None:
            extra_context = {**(extra_context or {}), **self._versions_context(request, head)}
        response: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
        return response

    def _versions_context(self, request: HttpRequest, head: Any) -> dict[str, Any]:
        versions = list(self._versions(head))
        roles = roles_of(self._person(request))
        for version in versions:
            version.address = self._address("version", head.pk, version.number)
            version.chip = CHIPS.get(version.state, "")
        return {
            "versions": versions,
            "draft_address": self._address("draft", head.pk) if Role.AUTHOR in roles else "",
            "retire_address": self._address("retire", head.pk) if head.live_version and Role.APPROVER in roles else "",
            "comment_form": CommentForm(),
        }

    # -- the pages of versions ---------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        at = "<int:head_id>/versions/<int:number>"
        pages: list[tuple[str, str, Callable[..., HttpResponse]]] = [
            ("<int:head_id>/versions/new/", "draft", self.draft_view),
            (f"{at}/", "version", self.version_view),
            (f"{at}/edit/", "edit", self.edit_view),
            (f"{at}/<slug:verb>/", "step", self.step_view),
            ("<int:head_id>/retire/", "retire", self.retire_view),
        ]
        own = [path(route, self.admin_site.admin_view(view), name=self._name(name)) for route, name, view in pages]
        return [*own, *super().get_urls()]

    def version_view(self, request: HttpRequest, head_id: int, number: int) -> HttpResponse:
        """Show one version: what it says, what it changes, what was counted, who decided, what can be done."""
        return self._version_page(request, self._version(request, head_id, number), form=None, problem=None)

    @csrf_protect_m
    def step_view(self, request: HttpRequest, head_id: int, number: int, verb: str) -> HttpResponse:
        """Take the step that a button on the version's page asks for."""
        version = self._version(request, head_id, number)
        if request.method != "POST":
            return HttpResponseRedirect(self._address("version", head_id, number))
        form = CommentForm(request.POST)
        form.is_valid()
        try:
            reached = self._take(verb, version, form, request)
        except GovernanceError as error:
            return self._version_page(request, self._version(request, head_id, number), form=form, problem=error)
        waits = verb == "approve" and standing_of(self.governed, reached, now=timezone.now())
        done = f"Your approval of version {{number}} of {{head}} is stored. {waits.told}" if waits else _DONE[verb]
        messages.success(request, done.format(head=version.head, number=reached.number))
        return HttpResponseRedirect(self._address("version", head_id, reached.number))

    def _take(self, verb: str, version: Any, form: CommentForm, request: HttpRequest) -> Any:
        by, now = self._person(request), timezone.now()
        comment, seen = form.cleaned_data.get("comment", ""), form.cleaned_data.get("seen_hash") or None
        match verb:
            case "submit":
                lifecycle.submit(version=version, by=by, now=now)
            case "withdraw":
                lifecycle.withdraw(version=version, by=by, now=now)
            case "approve":
                lifecycle.approve(version=version, comment=comment, seen_hash=seen, by=by, now=now)
            case "reject":
                lifecycle.reject(version=version, comment=comment, seen_hash=seen, by=by, now=now)
            case "roll-back":
                return lifecycle.roll_back(head=version.head, to_version=version, comment=comment, by=by, now=now)
            case _:
                raise Http404
        return version

    @csrf_protect_m
    def retire_view(self, request: HttpRequest, head_id: int) -> HttpResponse:
        head = self._head(request, head_id)
        change = reverse(f"admin:{self._name('change')}", args=[head_id])
        if request.method == "POST":
            try:
                comment = request.POST.get("comment", "")
                lifecycle.retire(head=head, comment=comment, by=self._person(request), now=timezone.now())
                messages.success(request, f"{head} is retired: nothing of it runs any more.")
            except GovernanceError as error:
                messages.error(request, error.message)
        return HttpResponseRedirect(change)

    @csrf_protect_m
    def draft_view(self, request: HttpRequest, head_id: int) -> HttpResponse:
        """Write a new version, beginning from the newest one or from the one that `?from=` names."""
        head = self._head(request, head_id)
        self._require_author(request)
        wanted = request.GET.get("from", "")
        before = self._versions(head).filter(**({"number": wanted} if wanted.isdecimal() else {})).first()
        content = before.content if before else self.first_content()
        form = self.content_form(request.POST) if request.method == "POST" else self._content_form(content)
        if request.method == "POST" and form.is_valid():
            try:
                version = lifecycle.draft(
                    head=head, content=self.content_of(form), by=self._person(request), now=timezone.now()
                )
                return self._written(request, version)
            except GovernanceError as error:
                self._add_errors(form, error)
        return self._content_page(request, head, form, title="New version", before=before)

    @csrf_protect_m
    def edit_view(self, request: HttpRequest, head_id: int, number: int) -> HttpResponse:
        """Edit a draft; one that waits for approval becomes a draft again by it."""
        version = self._version(request, head_id, number)
        self._require_author(request)
        if version.state not in OPEN:
            return HttpResponseRedirect(self._address("version", head_id, number))
        content, seen = version.content, version.content_hash
        form = self.content_form(request.POST) if request.method == "POST" else self._content_form(content, seen)
        if request.method == "POST" and form.is_valid():
            try:
                lifecycle.edit(
                    version=version,
                    content=self.content_of(form),
                    seen_hash=form.cleaned_data.get("seen_hash") or None,
                    by=self._person(request),
                    now=timezone.now(),
                )
                return self._written(request, version)
            except GovernanceError as error:
                self._add_errors(form, error)
        return self._content_page(request, version.head, form, title=f"Edit version {number}", before=version)

    def _written(self, request: HttpRequest, version: Any) -> HttpResponse:
        messages.success(request, f"Version {version.number} is saved as a draft. Submit it when it is ready.")
        return HttpResponseRedirect(self._address("version", version.head_id, version.number))

    def _content_form(self, content: Any, seen_hash: str = "") -> forms.Form:
        return self.content_form(initial={"content": content, "seen_hash": seen_hash})

    def _add_errors(self, form: forms.Form, error: GovernanceError) -> None:
        where = "content" if "content" in form.fields else None
        if error.message not in {found.detail for found in error.errors}:
            form.add_error(where, error.message)
        for found in error.errors:
            form.add_error(where, f"{found.field}: {found.detail}" if found.field else found.detail)

    def _content_page(
        self, request: HttpRequest, head: Any, form: forms.Form, *, title: str, before: Any
    ) -> HttpResponse:
        context = {
            **self._page_context(request, head, title=title),
            "form": form,
            "before": before,
            "media": self.media + form.media,
            "under_review": before is not None and "edit" in request.path and before.state == State.REVIEW,
        }
        return TemplateResponse(request, self.content_template, context)

    def _version_page(
        self, request: HttpRequest, version: Any, *, form: CommentForm | None, problem: GovernanceError | None
    ) -> HttpResponse:
        roles, person = roles_of(self._person(request)), self._person(request)
        own = person.pk in version.author_ids
        standing = standing_of(self.governed, version, now=timezone.now())
        begun = standing is not None and standing.is_begun
        editable = version.state in OPEN and Role.AUTHOR in roles and not begun
        mine = not own and (standing is None or standing.awaits(person.pk))
        steps = self._steps(version, roles, own=not mine, approved=begun)
        context = {
            **self._page_context(request, version.head, title=f"{version.head}, version {version.number}"),
            "version": version,
            "chip": CHIPS.get(version.state, ""),
            "standing": standing,
            "told": self.told(version),
            "counted": self.counted(version),
            "sections": self.sections(version),
            "evidence": self.evidence(version),
            "comparison": self._comparison(version),
            "steps": steps,
            "needs_comment": any(step.comment for step in steps),
            "edit_address": self._address("edit", version.head_id, version.number) if editable else "",
            "copy_address": f"{self._address('draft', version.head_id)}?from={version.number}",
            "may_copy": Role.AUTHOR in roles and not editable,
            "own": own and Role.APPROVER in roles and version.state == State.REVIEW,
            "comment_form": form or CommentForm(initial={"seen_hash": version.content_hash}),
            "problem": problem,
            "authors": list(User.objects.filter(pk__in=version.author_ids).order_by("pk")),
            "decisions": list(version.decisions.select_related("decided_by").order_by("pk")),
        }
        return TemplateResponse(request, self.version_template, context, status=409 if problem else 200)

    def _steps(self, version: Any, roles: frozenset[Role], *, own: bool, approved: bool) -> list[Step]:
        state, author, approver = version.state, Role.AUTHOR in roles, Role.APPROVER in roles
        offered = [
            (
                "approve",
                "Approve once more" if approved else "Approve",
                "primary",
                True,
                state == State.REVIEW and approver and not own,
            ),
            ("reject", "Drop" if approved else "Reject", "danger", True, state == State.REVIEW and approver),
            ("submit", "Submit for approval", "primary", False, state == State.DRAFT and author),
            ("withdraw", "Withdraw", "", False, state in OPEN and author),
            ("roll-back", "Roll back to this version", "", True, author and state in _PAST),
        ]
        return [
            Step(verb, label, style, comment, self._address("step", version.head_id, version.number, verb))
            for verb, label, style, comment, shown in offered
            if shown
        ]

    def _comparison(self, version: Any) -> Comparison | None:
        """Compare an open version with what is live, any other with the one that was live before it."""
        versions = self._versions(version.head)
        if version.state in OPEN:
            before = versions.filter(state=State.LIVE).first()
        else:
            before = versions.filter(number__lt=version.number, state__in=lifecycle.WAS_LIVE).first()
        if before is None or before.pk == version.pk:
            return None
        said, says = self.told(before), self.told(version)
        marked = marked_words(said, says) if said is not None and says is not None else None
        return Comparison(before, version, side_by_side(before.content, version.content), marked)

    # -- common to the pages -------------------------------------------------------------------------------------------

    def _page_context(self, request: HttpRequest, head: Any, *, title: str) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "head": head,
            "title": title,
            "media": self.media,
            "change_address": reverse(f"admin:{self._name('change')}", args=[head.pk]),
            "list_address": reverse(f"admin:{self._name('changelist')}"),
        }

    def _person(self, request: HttpRequest) -> Any:
        return request.user

    def _require_author(self, request: HttpRequest) -> None:
        if not self.has_change_permission(request):
            raise PermissionDenied

    def _head(self, request: HttpRequest, head_id: int) -> Any:
        if not self.has_view_permission(request):
            raise PermissionDenied
        head: GovernedHead | None = self.get_queryset(request).filter(pk=head_id).first()
        if head is None:
            raise Http404
        return head

    def _version(self, request: HttpRequest, head_id: int, number: int) -> Any:
        version = self._versions(self._head(request, head_id)).filter(number=number).first()
        if version is None:
            raise Http404
        return version

    def _versions(self, head: Any) -> Any:
        decisions = self.governed.decision._default_manager.select_related("decided_by").order_by("pk")
        return (
            self.governed.version._default_manager.filter(head=head)
            .select_related("head", "head__live_version", "created_by", "submitted_by")
            .prefetch_related(Prefetch("decisions", queryset=decisions))
            .order_by("-number")
        )

    def _name(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"

    def _address(self, page: str, *args: Any) -> str:
        return reverse(f"admin:{self._name(page)}", args=args)


_MARKS = {Change.REMOVED: "<del>{}</del>", Change.ADDED: "<ins>{}</ins>", Change.SAME: "{}"}


def marked_words(before: str, after: str) -> SafeString:
    """The sentence with what went struck out and what came underlined."""
    return format_html_join("", "{}", ((format_html(_MARKS[run.change], run.text),) for run in words(before, after)))


_PAST = (State.SUPERSEDED, State.RETIRED)
_DONE = {
    "submit": "Version {number} of {head} waits for somebody else to approve it.",
    "withdraw": "Version {number} of {head} is withdrawn.",
    "approve": "Version {number} of {head} is live.",
    "reject": "Version {number} of {head} is rejected.",
    "roll-back": "Version {number} of {head} repeats the old content and waits for approval.",
}
