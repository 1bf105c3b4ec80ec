package bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.AutoOffsetReset;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.Stores;

/** Runs the join over an event log to its end: {@code Main KAFKA EVENTS OUTPUT APPLICATION FOLDER STORE END,END,..}. */
public final class Main {

  private static final long POLL_MILLIS = 10;

  private Main() {}

  public static void main(final String[] arguments) throws Exception {
    final String kafka = arguments[0];
    final String events = arguments[1];
    final String application = arguments[3];
    final List<Long> ends = new ArrayList<>();
    for (final String end : arguments[6].split(",")) {
      ends.add(Long.parseLong(end));
    }
    final Progress progress = new Progress(ends);
    final Topology topology = topology(events, arguments[2], store(arguments[5]), progress);
    final Properties settings = Settings.of(kafka, application, arguments[4]);
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", kafka));
        KafkaStreams streams = new KafkaStreams(topology, settings)) {
      streams.setUncaughtExceptionHandler(
          error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
            return StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
          });
      streams.start();
      progress.awaitAll();
      while (!committed(admin, application, events, ends)) {
        Thread.sleep(POLL_MILLIS);
      }
      final double finishedAt = System.currentTimeMillis() / 1000.0;
      say("started", progress.startedAt(), "");
      say("finished", finishedAt, ", \"events\": " + ends.stream().mapToLong(Long::longValue).sum());
    }
  }

  private static Topology topology(
      final String events, final String output, final KeyValueBytesStoreSupplier store, final Progress progress) {
    return new Topology()
        .addSource(
            AutoOffsetReset.earliest(), "events", new ByteArrayDeserializer(), new ByteArrayDeserializer(), events)
        .addProcessor("join", () -> new MinimalJoin(progress), "events")
        .addStateStore(
            Stores.keyValueStoreBuilder(store, Serdes.ByteArray(), Serdes.ByteArray())
                .withCachingEnabled()
                .withLoggingEnabled(Map.of()),
            "join")
        .addSink("output", output, new ByteArraySerializer(), new ByteArraySerializer(), "join");
  }

  private static KeyValueBytesStoreSupplier store(final String kind) {
    return switch (kind) {
      case "rocksdb" -> Stores.persistentKeyValueStore(MinimalJoin.STORE);
      case "memory" -> Stores.inMemoryKeyValueStore(MinimalJoin.STORE);
      default -> throw new IllegalArgumentException(kind);
    };
  }

  private static boolean committed(
      final Admin admin, final String application, final String events, final List<Long> ends) throws Exception {
    final Map<TopicPartition, OffsetAndMetadata> offsets =
        admin.listConsumerGroupOffsets(application).partitionsToOffsetAndMetadata().get();
    for (int partition = 0; partition < ends.size(); partition++) {
      final OffsetAndMetadata offset = offsets.get(new TopicPartition(events, partition));
      if (ends.get(partition) > 0 && (offset == null || offset.offset() < ends.get(partition))) {
        return false;
      }
    }
    return true;
  }

  private static void say(final String event, final double at, final String more) {
    System.out.printf(java.util.Locale.ROOT, "{\"event\": \"%s\", \"at\": %.3f%s}%n", event, at, more);
    System.out.flush();
  }
}
