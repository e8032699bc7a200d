"""A second approval where content asks for it, schedules, and guards that no temporary table can deceive.

The functions are those of `cdp.governance.guards`: a new database gets them from the first governed type's
migration, an older one here, with the triggers that its tables lack. There is nothing to undo: they refuse what the
older ones refused, and read no new table.
"""

from typing import ClassVar

from django.db import migrations

from cdp.append_only import FUNCTION
from cdp.governance.guards import ACTORS_FOR_OLDER_GUARDS, FUNCTIONS


class Migration(migrations.Migration):
    dependencies: ClassVar = [("cdp", "0003_exports_and_cancelled_jobs")]
    operations: ClassVar = [migrations.RunSQL(FUNCTION + FUNCTIONS + ACTORS_FOR_OLDER_GUARDS, migrations.RunSQL.noop)]
