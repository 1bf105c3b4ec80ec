package bench;

import com.google.protobuf.InvalidProtocolBufferException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.apache.kafka.streams.state.KeyValueStore;
import pharmacy.events.v1.EventOuterClass.Event;

/**
 * The minimal join, see README.md. The state of a patient is one byte array of entries: event key, source revision,
 * coding revision, role, seconds of the occurrence.
 */
final class MinimalJoin implements Processor<byte[], byte[], byte[], byte[]> {

  static final String STORE = "patients";

  private static final long WINDOW_SECONDS = 14 * 86_400;
  private static final byte[] IRRELEVANT = "irrelevant".getBytes();
  private static final byte NEITHER = 0;
  private static final byte ANTAGONIST = 1;
  private static final byte OPIOID = 2;
  private static final Map<String, Byte> ROLES =
      Map.ofEntries(
          Map.entry("ntx_oral", ANTAGONIST),
          Map.entry("ntx_ldn", ANTAGONIST),
          Map.entry("ntx_uldn", ANTAGONIST),
          Map.entry("ntx_er_contrave", ANTAGONIST),
          Map.entry("ntx_depot", ANTAGONIST),
          Map.entry("samidorphan", ANTAGONIST),
          Map.entry("nalmefene", ANTAGONIST),
          Map.entry("oxycodone_ir", OPIOID),
          Map.entry("oxycodone_er", OPIOID),
          Map.entry("hydrocodone_ir", OPIOID),
          Map.entry("tramadol_ir", OPIOID),
          Map.entry("methadone_oral", OPIOID),
          Map.entry("fentanyl_td", OPIOID),
          Map.entry("bup_sl", OPIOID));

  private static final int KEY = 16;
  private static final int REVISION_AT = KEY;
  private static final int ROLE_AT = REVISION_AT + Long.BYTES + Integer.BYTES;
  private static final int SECONDS_AT = ROLE_AT + 1;
  private static final int ENTRY = SECONDS_AT + Long.BYTES;

  private final Progress progress;
  private ProcessorContext<byte[], byte[]> context;
  private KeyValueStore<byte[], byte[]> patients;

  MinimalJoin(final Progress progress) {
    this.progress = progress;
  }

  @Override
  public void init(final ProcessorContext<byte[], byte[]> context) {
    this.context = context;
    this.patients = context.getStateStore(STORE);
  }

  @Override
  public void process(final Record<byte[], byte[]> record) {
    progress.began();
    final Header eventClass = record.headers().lastHeader("rx-class");
    if (eventClass == null || !Arrays.equals(eventClass.value(), IRRELEVANT)) {
      fold(record);
    }
    final RecordMetadata place = context.recordMetadata().orElseThrow();
    if (progress.processed(place.partition(), place.offset())) {
      context.commit();
    }
  }

  private void fold(final Record<byte[], byte[]> record) {
    final byte[] entry = entry(record.value());
    final byte[] state = patients.get(record.key());
    final int held = state == null ? -1 : find(state, entry);
    if (held >= 0 && !supersedes(entry, state, held)) {
      return;
    }
    final byte[] after;
    if (held >= 0) {
      after = state.clone();
      System.arraycopy(entry, 0, after, held, ENTRY);
    } else {
      final int size = state == null ? 0 : state.length;
      after = state == null ? new byte[ENTRY] : Arrays.copyOf(state, size + ENTRY);
      System.arraycopy(entry, 0, after, size, ENTRY);
    }
    if (entry[ROLE_AT] != NEITHER || (held >= 0 && state[held + ROLE_AT] != NEITHER)) {
      final byte[] output = output(after);
      if (!Arrays.equals(output, output(state == null ? new byte[0] : state))) {
        context.forward(new Record<>(record.key(), output, record.timestamp()));
      }
    }
    patients.put(record.key(), after);
  }

  private static byte[] entry(final byte[] value) {
    final Event event;
    try {
      event = Event.parseFrom(value);
    } catch (final InvalidProtocolBufferException error) {
      throw new IllegalArgumentException("not an event", error);
    }
    final String form = event.getMedicationFilled().getMedicine().getFormKey();
    return ByteBuffer.allocate(ENTRY)
        .put(event.getEventKey().toByteArray())
        .putLong(event.getSourceRevision())
        .putInt(event.getCodingRevision())
        .put(ROLES.getOrDefault(form, NEITHER))
        .putLong(event.getOccurred().getEarliestTime().getSeconds())
        .array();
  }

  /** Where the entry of the same event stands, -1 if it is not held. */
  private static int find(final byte[] state, final byte[] entry) {
    for (int at = 0; at < state.length; at += ENTRY) {
      if (Arrays.equals(state, at, at + KEY, entry, 0, KEY)) {
        return at;
      }
    }
    return -1;
  }

  private static boolean supersedes(final byte[] entry, final byte[] state, final int held) {
    return Arrays.compareUnsigned(entry, REVISION_AT, ROLE_AT, state, held + REVISION_AT, held + ROLE_AT) > 0;
  }

  /** A byte 1, then every pair within the window: key of the antagonist, key of the opioid, in the order of the keys. */
  private static byte[] output(final byte[] state) {
    final ByteBuffer entries = ByteBuffer.wrap(state);
    final List<byte[]> pairs = new ArrayList<>();
    for (int one = 0; one < state.length; one += ENTRY) {
      if (state[one + ROLE_AT] != ANTAGONIST) {
        continue;
      }
      for (int other = 0; other < state.length; other += ENTRY) {
        if (state[other + ROLE_AT] != OPIOID) {
          continue;
        }
        final long apart = entries.getLong(one + SECONDS_AT) - entries.getLong(other + SECONDS_AT);
        if (Math.abs(apart) <= WINDOW_SECONDS) {
          final byte[] pair = new byte[2 * KEY];
          System.arraycopy(state, one, pair, 0, KEY);
          System.arraycopy(state, other, pair, KEY, KEY);
          pairs.add(pair);
        }
      }
    }
    pairs.sort(Arrays::compareUnsigned);
    final ByteBuffer output = ByteBuffer.allocate(1 + 2 * KEY * pairs.size()).put((byte) 1);
    pairs.forEach(output::put);
    return output.array();
  }
}
