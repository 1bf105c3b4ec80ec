"""Maps errors of the Kafka client to the exceptions of RxGuard."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from rx_runtime.errors import DependencyUnavailable


@contextmanager
def kafka_errors() -> Iterator[None]:
    """Raise DependencyUnavailable KAFKA_UNAVAILABLE for an error of the client inside the block."""
    try:
        yield
    except MessageSizeTooLargeError:  # a retry cannot succeed: a defect, not an unavailable broker
        raise
    except KafkaError as error:
        raise DependencyUnavailable("KAFKA_UNAVAILABLE", f"the broker refused: {type(error).__name__}") from error
