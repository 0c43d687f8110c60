"""What the logger plugin prints for Snakemake's records."""

from __future__ import annotations

import io
import logging
from typing import Any

import pytest
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import OutputSettingsLoggerInterface
from snakemake_interface_logger_plugins.tests import TestLogHandlerBase as Interface

from snakemake_logger_plugin_nst import LogHandler
from snakemake_logger_plugin_nst.display import Printer

GRID = {"images": {"lake/wave/a": 10.0}, "bundles": {}, "results": "results", "format": "png"}


class TestInterface(Interface):
    """The checks that the interface has for every plugin."""

    __test__ = True

    def get_log_handler_cls(self):
        return LogHandler

    def get_log_handler_settings(self):
        return None


class Output(OutputSettingsLoggerInterface):
    def __init__(self, **given: Any):
        names = ("printshellcmds", "nocolor", "quiet", "debug_dag", "verbose", "show_failed_logs", "stdout", "dryrun")
        vars(self).update(dict.fromkeys(names, False) | given)


class Run:
    """A handler, and what it prints."""

    def __init__(self, stream: io.StringIO, **settings: Any):
        self.stream, self.handler = stream, LogHandler(Output(**settings), None)
        self.handler._display = Printer(stream)

    def log(self, text: str = "", level: int = logging.INFO, **fields: Any) -> None:
        record = logging.makeLogRecord({"msg": text, "levelno": level} | fields)
        self.handler.emit(record)

    def begin(self) -> None:
        self.log("Assuming unrestricted shared filesystem usage.")
        self.log("Building DAG of jobs...")
        self.log("Job stats: …", event=LogEvent.RUN_INFO, stats={"stylize": 1, "total": 2})
        self.log("images    1 to stylize", nst=GRID)

    def start(self, number: int = 1) -> None:
        wildcards = dict(zip(("content", "style", "settings"), ["lake", "wave", "a"], strict=True))
        fields = {"jobid": number, "rule_name": "stylize", "wildcards": wildcards, "log": [], "local": True}
        self.log(event=LogEvent.JOB_INFO, **fields)

    def fail(self, number: int = 1) -> None:
        text = "RuleException:\nCalledProcessError in file …: non-zero exit status 1."
        self.log(text, logging.ERROR, event=LogEvent.ERROR, exception="RuleException")
        self.log("Error in rule", logging.ERROR, event=LogEvent.JOB_ERROR, jobid=number, rule_name="stylize", log=[])

    def end(self) -> list[str]:
        self.handler.close()
        return self.stream.getvalue().splitlines()


@pytest.fixture
def plain() -> Run:
    run = Run(io.StringIO())
    yield run
    run.handler.close()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_run_is_a_line_and_a_summary(plain):
    plain.begin()
    plain.start()
    plain.log("Shell command: nst stylize …", event=LogEvent.SHELLCMD)
    plain.log("Select jobs to execute...")
    plain.log("Finished", event=LogEvent.JOB_FINISHED, job_id=1)
    plain.log("images    1 stylized", nst=True)
    plain.log("Complete log(s): /tmp/x.log")
    plain.log("Elapsed time: 0:00:01")
    assert plain.end() == ["0 of 1 image", "images    1 stylized", "log       /tmp/x.log"]


def test_a_failure_is_printed_once_for_each_try(plain):
    plain.begin()
    plain.start()
    plain.fail()
    plain.log("Trying to restart job 1.")
    plain.start()
    plain.fail()
    plain.log("Exiting because a job execution failed. Look above for error messages", logging.ERROR)
    plain.log("WorkflowError:\nAt least one job did not complete successfully.", logging.ERROR, event=LogEvent.ERROR)
    error = "error     lake/wave/a: ended without a message"
    assert plain.end() == ["0 of 1 image", error, "retry     lake/wave/a", error]


def test_without_the_handlers_of_the_workflow_steps_are_counted(plain):
    plain.log("Job stats: …", event=LogEvent.RUN_INFO, stats={"stylize": 1, "total": 2})
    plain.log("Using shell: /usr/bin/bash")
    plain.start()
    assert plain.end() == ["0 of 2 steps"]


def test_warnings_and_errors_of_snakemake_are_printed(plain):
    plain.log('WorkflowError in file "grid.smk", line 27:\nm.csv:2: size', logging.ERROR, event=LogEvent.ERROR)
    plain.begin()
    plain.log("No SLURM account given", logging.WARNING)
    plain.log("MissingOutputException", logging.ERROR, event=LogEvent.ERROR)
    *head, warning, error = plain.end()
    assert head == ['WorkflowError in file "grid.smk", line 27:', "m.csv:2: size", "0 of 1 image"]
    assert (warning, error) == ("No SLURM account given", "MissingOutputException")


def test_without_a_run_the_messages_of_snakemake_are_printed(plain):
    plain.log("Building DAG of jobs...")
    plain.log("Unlocked working directory.")
    assert plain.end() == ["Unlocked working directory."]


def test_ctrl_c_is_no_failure(plain):
    plain.begin()
    plain.start()
    plain.log("Terminating processes on user request, this might take some time.")
    plain.fail()
    assert plain.end() == ["0 of 1 image", "stopping  running images end, or keep their progress for the next run"]


@pytest.mark.parametrize("option", ["dryrun", "quiet", "printshellcmds", "verbose", "debug_dag"])
def test_other_output_is_left_to_snakemake(option):
    run = Run(io.StringIO(), **{option: True})
    assert not run.handler.writes_to_stream
    run.begin()
    assert run.end() == []


def test_on_a_terminal_one_line_is_written_again(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr("snakemake_logger_plugin_nst.display.EVENT", 0.0)
    run = Run(Terminal())
    assert run.handler.writes_to_stream
    run.begin()
    run.start()
    run.log("a warning", logging.WARNING)
    run.log("images    1 stylized", nst=True)
    run.handler.close()
    line = "0 of 1 image, 1 run"  # a character less than the width
    written = "\r\x1b[K0 of 1 image", f"\r\x1b[K{line}", f"\r\x1b[Ka warning\n{line}", "\r\x1b[Kimages    1 stylized\n"
    assert run.stream.getvalue() == "".join(written)


def test_a_reader_that_has_gone_is_no_error(plain):
    def gone(self, text):
        raise BrokenPipeError

    plain.handler._display._stream = type("Gone", (), {"write": gone, "flush": lambda self: None, "isatty": bool})()
    plain.begin()
    plain.log("a warning", logging.WARNING)
