import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Apache Kafka's own client for Java against the broker at $broker_address.
 *
 * <p>Without arguments: every case; with one, those whose names contain it. {@code member TOPIC GROUP PROTOCOL}: one member of a group, which may be killed.
 */
public final class Main {
    interface Case {
        void run() throws Exception;
    }

    private Main() {}

    public static void main(String[] arguments) throws Exception {
        if (arguments.length > 0 && arguments[0].equals("member")) {
            Member.run(arguments[1], arguments[2], arguments[3]);
            return;
        }
        Map<String, Case> cases = new LinkedHashMap<>();
        Producing.cases(cases);
        Consuming.cases(cases);
        Administering.cases(cases);
        if (arguments.length > 0) {
            cases.keySet().removeIf(name -> !name.contains(arguments[0]));
        }
        int failed = 0;
        for (var named : cases.entrySet()) {
            long began = System.nanoTime();
            try {
                named.getValue().run();
                System.out.printf("ok      %s (%.1f s)%n", named.getKey(), (System.nanoTime() - began) / 1e9);
            } catch (Throwable error) {
                failed++;
                System.out.printf("FAILED  %s: %s%n%s", named.getKey(), error, trace(error));
            }
            System.out.flush();
        }
        System.out.printf("java: %d passed, %d failed%n", cases.size() - failed, failed);
        System.exit(failed == 0 ? 0 : 1);
    }

    private static String trace(Throwable error) {
        StringWriter text = new StringWriter();
        error.printStackTrace(new PrintWriter(text));
        return text.toString();
    }
}
