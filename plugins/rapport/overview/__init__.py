"""The page in Airflow's UI: what ops and data engineers want to know at a glance.

It only looks. What Airflow knows of nights it is told (`Nights`); releases, Data Docs and the
landing it reads, as they are at that moment: also before the first night, while one runs, and
where something is damaged, which it then says.
"""

from rapport.overview.nights import Nights, Run, Task
from rapport.overview.page import page_of
from rapport.overview.runbooks import runbook_page

__all__ = ["Nights", "Run", "Task", "page_of", "runbook_page"]
