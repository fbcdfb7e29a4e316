import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * The tiles of `./bench streaming` in Flink's DataStream API: Tiles EVENTS.csv. Prints the seconds of the fastest of
 * five runs, then each tile.
 */
public class Tiles {
    static final long HOUR = 3_600_000;
    static long[][] events;

    public static void main(String[] arguments) throws Exception {
        try (Stream<String> lines = Files.lines(Path.of(arguments[0]))) {
            events = lines.skip(1).map(line -> Stream.of(line.split(",")).mapToLong(Long::parseLong).toArray()).toArray(long[][]::new);
        }
        Map<String, String> found = new HashMap<>();
        try (var changes = tiles(environment()).executeAndCollect()) {
            changes.forEachRemaining(tile -> found.put(tile[0] + "," + tile[1], tile[2] + "," + tile[3] + "," + tile[4] + "," + tile[5] + "," + tile[6]));
        }
        long fastest = Long.MAX_VALUE;
        for (int run = 0; run < 5; run++) {
            StreamExecutionEnvironment environment = environment();
            tiles(environment).sinkTo(new DiscardingSink<>());
            fastest = Math.min(fastest, environment.execute().getNetRuntime());
        }
        StringBuilder text = new StringBuilder().append(fastest / 1000.0).append('\n');
        found.forEach((key, tile) -> text.append(key).append(',').append(tile).append('\n'));
        System.out.print(text);
    }

    static StreamExecutionEnvironment environment() {
        return StreamExecutionEnvironment.createLocalEnvironment(1, Configuration.fromMap(Map.of("pipeline.object-reuse", "true")));
    }

    /** Key, hour, count, sum, least, most, last. */
    static DataStream<long[]> tiles(StreamExecutionEnvironment environment) {
        return environment.fromSequence(0, events.length - 1)
            .map(number -> {
                long[] event = events[number.intValue()];
                return new long[] {event[0], event[1] / HOUR, 1, event[2], event[2], event[2], event[2]};
            })
            .returns(PrimitiveArrayTypeInfo.LONG_PRIMITIVE_ARRAY_TYPE_INFO)
            .keyBy(tile -> tile[0] * 1000 + tile[1], Types.LONG)
            .reduce((a, b) -> new long[] {a[0], a[1], a[2] + b[2], a[3] + b[3], Math.min(a[4], b[4]), Math.max(a[5], b[5]), b[6]});
    }
}
