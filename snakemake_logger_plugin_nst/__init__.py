"""Snakemake's logger plugin `nst`: one line of progress, the messages of failed jobs, and the summary of a run.

`logger: nst` in a profile switches it on. The full log is in the file that Snakemake writes in `.snakemake/log`. With
--dry-run, --quiet, --printshellcmds, --verbose or --debug-dag, Snakemake's own output is shown instead.
"""

from __future__ import annotations

import sys
from logging import ERROR, WARNING, LogRecord
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_nst.display import Printer
from snakemake_logger_plugin_nst.tally import Tally

#: Beginnings of messages of Snakemake's that say nothing new: what it does at every start, and that a job failed, whose
#: own message was printed.
_KNOWN = (
    "Assuming unrestricted shared filesystem usage",
    "Building DAG of jobs",
    "Exiting because a job execution failed",
    "WorkflowError:\nAt least one job did not complete successfully",
)
_RESTART, _STOPPED, _LOG = "Trying to restart job ", "Terminating processes on user request", "Complete log(s): "


class LogHandler(LogHandlerBase):
    """Follows the events of a run. Snakemake calls `emit` from a single thread."""

    def __post_init__(self) -> None:
        settings = self.common_settings
        self._tally, self._display, self._began = Tally(), Printer(sys.stderr), False
        self._waiting: list[str] = []
        self._active = not (
            settings.dryrun or settings.verbose or settings.debug_dag or settings.printshellcmds or settings.quiet
        )

    @property
    def writes_to_stream(self) -> bool:
        return self._active  # otherwise Snakemake adds its own handler

    @property
    def writes_to_file(self) -> bool:
        return False

    @property
    def has_filter(self) -> bool:
        return True

    @property
    def has_formatter(self) -> bool:
        return True

    @property
    def needs_rulegraph(self) -> bool:
        return False

    def emit(self, record: LogRecord) -> None:
        """Show what a record means for the user."""
        if not self._active:
            return
        try:
            with self._display.lock:
                self._handle(record)
        except BrokenPipeError:  # nobody reads it
            self._active = False
        except OSError:  # such as a full disk, to which the output is redirected
            pass
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Remove the line of progress. Without a run, as after --unlock, print Snakemake's messages."""
        if self._active:
            self._display.end()
            for text in self._waiting:
                self._display.print(text)
            self._active = False
        super().close()

    def _handle(self, record: LogRecord) -> None:
        ours: Any = getattr(record, "nst", None)
        if isinstance(ours, dict):
            self._begin(ours)
        elif ours:  # a line of the summary
            self._display.end()
            self._display.print(record.getMessage())
        elif event := getattr(record, "event", None):
            self._event(event, record)
        else:
            self._message(record)

    def _begin(self, grid: dict[str, Any]) -> None:
        """The workflow has reported the images of this run: follow its jobs."""
        self._began, self._waiting = True, []
        self._tally.begin(**grid)
        self._display.begin(self._tally)

    def _event(self, event: LogEvent, record: LogRecord) -> None:
        fields = vars(record)
        if event == LogEvent.JOB_INFO:
            if not self._began:  # the workflow is a module of another one, whose handlers run
                self._begin({"images": {}, "bundles": {}, "results": "", "format": ""})
            self._tally.start(fields)
        elif event == LogEvent.JOB_FINISHED:
            self._tally.finish(fields["job_id"])
        elif event == LogEvent.RUN_INFO:
            self._tally.steps = fields["stats"].get("total", 0)
        elif event == LogEvent.JOB_ERROR:
            for line in self._tally.fail(fields):
                self._display.print(line)
        elif event == LogEvent.GROUP_ERROR:
            logs = ", ".join(fields.get("aux_logs") or ())
            self._display.print(f"error     group {fields.get('groupid')}{f': see {logs}' * bool(logs)}")
        elif event == LogEvent.ERROR and not self._is_of_a_job(record):
            self._message(record)
            return
        self._display.update()

    def _is_of_a_job(self, record: LogRecord) -> bool:
        """Whether an error is the exit status of a job's command, which the event JOB_ERROR reports next."""
        return self._began and "CalledProcessError" in record.getMessage()

    def _message(self, record: LogRecord) -> None:
        """A message of Snakemake's: warnings and errors are printed, others only if they mean something here."""
        text = record.getMessage()
        if text.startswith(_KNOWN) and (self._began or record.levelno < ERROR):
            return
        if record.levelno >= WARNING:
            self._display.print(text)
        elif text.startswith(_RESTART):
            self._display.print(f"retry     {self._tally.retry(text.removeprefix(_RESTART).rstrip('.'))}")
        elif text.startswith(_STOPPED):
            self._tally.stopped = True
            self._display.print("stopping  running images end, or keep their progress for the next run")
        elif text.startswith(_LOG):
            self._display.print(f"log       {text.removeprefix(_LOG)}")
        elif not self._began:
            self._waiting.append(text)
