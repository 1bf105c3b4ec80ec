package bench;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

/** How far all threads together have come. */
final class Progress {

  private final List<Long> ends;
  private final CountDownLatch partitionsLeft;
  private final AtomicLong firstMillis = new AtomicLong();

  Progress(final List<Long> ends) {
    this.ends = ends;
    this.partitionsLeft = new CountDownLatch((int) ends.stream().filter(end -> end > 0).count());
  }

  /** An event reaches the processor. */
  void began() {
    if (firstMillis.get() == 0) {
      firstMillis.compareAndSet(0, System.currentTimeMillis());
    }
  }

  /** An event is processed; true for the last one of its partition. */
  boolean processed(final int partition, final long offset) {
    if (offset + 1 != ends.get(partition)) {
      return false;
    }
    partitionsLeft.countDown();
    return true;
  }

  /** Returns when the last event of every partition is processed. */
  void awaitAll() throws InterruptedException {
    partitionsLeft.await();
  }

  /** When the first event came, in seconds since the epoch. */
  double startedAt() {
    return firstMillis.get() / 1000.0;
  }
}
