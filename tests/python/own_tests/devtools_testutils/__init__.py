"""A stand-in for the helper package of Azure's own tests for Python, which no registry has.

It holds what the tests of azure-keyvault-secrets import, and knows live tests only: nothing is recorded or played back, so
what cleans recordings does nothing.
"""

import asyncio
import functools
import hashlib
import os

import pytest


def is_live() -> bool:
    return True


@pytest.fixture(scope="session")
def test_proxy():
    """The proxy that records."""


def recorded_by_proxy(test):
    return test


def _nothing(*_arguments, **_options) -> None:
    pass


add_body_key_sanitizer = _nothing
add_general_regex_sanitizer = _nothing
add_oauth_response_sanitizer = _nothing
add_remove_header_sanitizer = _nothing
remove_batch_sanitizers = _nothing
set_custom_default_matcher = _nothing


class AzureRecordedTestCase:
    is_live = True

    @staticmethod
    def await_prepared_test(test):
        """Makes a test out of what a preparer made of an asynchronous one."""

        @functools.wraps(test)
        def run(test_class, *arguments, **options):
            return asyncio.run(test(test_class, *arguments, **options))

        return run

    def get_resource_name(self, name: str) -> str:
        """The same name throughout a test, and another one in each test and for each of its parameters."""
        test = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0]
        return name + hashlib.sha256(test.encode()).hexdigest()[:12]

    def get_credential(self, _client_class, is_async: bool = False):
        if is_async:
            from azure.identity.aio import DefaultAzureCredential
        else:
            from azure.identity import DefaultAzureCredential
        return DefaultAzureCredential()

    def create_client_from_credential(self, client_class, credential, **options):
        options.setdefault("logging_enable", True)
        return client_class(credential=credential, **options)
