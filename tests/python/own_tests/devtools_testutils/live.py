"""A plugin for pytest that runs the tests of azure-keyvault-secrets against a vault that costs nothing and needs no time.

- With every version of the API that the package knows, from 2016 on: a live run would leave out all but the latest.
- Pauses of up to a minute are there to give Azure's servers time: they are cut short. Those of a second remain, since they make
  time stamps differ.
- A test that is skipped has failed, and so has a run without tests. The last line of a run in which all passed is `passed`.

Left out of what the package's source brings:
- tests/perfstress_tests: measurements, made with another helper package (devtools_testutils.perfstress_tests);
- samples: programs that print, for people to read; tests/test_samples_secrets*.py do the same and check it.
"""

import asyncio
import time

LONGEST_PAUSE = 1
SHORT_PAUSE = 0.1

_outcomes: list[str] = []
_sleep, _sleep_async = time.sleep, asyncio.sleep


def _cut(seconds):
    return seconds if seconds <= LONGEST_PAUSE else SHORT_PAUSE


def _pause(seconds):
    _sleep(_cut(seconds))


async def _pause_async(seconds, result=None):
    return await _sleep_async(_cut(seconds), result)


def pytest_configure(config):
    time.sleep, asyncio.sleep = _pause, _pause_async
    config.addinivalue_line("markers", "playback_test_only: not for pipelines that run live")


def pytest_collection_finish():
    from _async_test_case import AsyncSecretsClientPreparer
    from _test_case import SecretsClientPreparer

    for preparer in (SecretsClientPreparer, AsyncSecretsClientPreparer):
        preparer._skip_if_not_configured = lambda self, api_version, **options: None


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        _outcomes.append(report.outcome)


def pytest_sessionfinish(session, exitstatus):
    if exitstatus == 0 and set(_outcomes) != {"passed"}:
        session.exitstatus = 1


def pytest_unconfigure():
    if _outcomes and set(_outcomes) == {"passed"}:
        print("passed")
