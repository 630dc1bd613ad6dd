import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;

/** What a case says when something is not as it should be. */
final class Check {
    private Check() {}

    static void that(boolean holds, String otherwise) {
        if (!holds) {
            throw new AssertionError(otherwise);
        }
    }

    static void equal(Object found, Object wanted, String what) {
        that(Objects.equals(found, wanted), what + ": " + shortened(found) + " instead of " + shortened(wanted));
    }

    /** The call must fail in just this way, by itself or in a future. */
    static void fails(Class<? extends Exception> how, Callable<?> call) throws Exception {
        try {
            call.call();
        } catch (Exception error) {
            Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
            equal(cause.getClass().getSimpleName(), how.getSimpleName(), "refused with");
            return;
        }
        throw new AssertionError("no " + how.getSimpleName());
    }

    /** Waits for what other nodes or threads bring about. */
    static void eventually(String what, Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + Cluster.PATIENCE.toNanos();
        while (!condition.call()) {
            that(System.nanoTime() < deadline, "waited in vain for " + what);
            Thread.sleep(50);
        }
    }

    private static String shortened(Object value) {
        String text = String.valueOf(value);
        return text.length() > 200 ? text.substring(0, 200) + "…" : text;
    }
}
