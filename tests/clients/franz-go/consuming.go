package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func consumingCases() []namedCase {
	cases := []namedCase{
		{"a_fetch_session_over_many_partitions", fetchSession},
		{"from_an_offset_and_a_time", fromAnOffsetAndATime},
		{"a_reader_waits_for_what_comes", readerWaits},
	}
	for _, protocol := range []string{"classic", "consumer"} {
		cases = append(cases,
			namedCase{"commit_and_resume_" + protocol, func() { commitAndResume(protocol) }},
			namedCase{"automatic_commits_" + protocol, func() { automaticCommits(protocol) }},
			namedCase{"a_pattern_finds_new_topics_" + protocol, func() { patternFindsNewTopics(protocol) }},
		)
	}
	return cases
}

// inGroup joins a group by the classic protocol or by that of KIP-848.
func inGroup(protocol, group, topic string, options ...kgo.Opt) *kgo.Client {
	options = append(options,
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.MetadataMinAge(100*time.Millisecond), kgo.MetadataMaxAge(500*time.Millisecond))
	if protocol == "consumer" {
		options = append(options, kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer()))
	} else {
		options = append(options, kgo.SessionTimeout(6*time.Second), kgo.HeartbeatInterval(500*time.Millisecond))
	}
	return client(options...)
}

// member prints `R PARTITION OFFSET` for what it reads, commits it, and ends in order at SIGTERM.
func member(topic, group, protocol string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	// Partitions stay while what was read of them is not committed.
	in := inGroup(protocol, group, topic, kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll())
	for ctx.Err() == nil {
		fetches := in.PollFetches(ctx)
		for _, fault := range fetches.Errors() {
			if ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, fault.Topic, fault.Partition, fault.Err)
			}
		}
		records := fetches.Records()
		for _, record := range records {
			fmt.Printf("R %d %d\n", record.Partition, record.Offset)
		}
		if len(records) > 0 {
			if err := in.CommitRecords(soon(), records...); err != nil {
				fmt.Fprintln(os.Stderr, "not committed:", err)
			}
		}
		in.AllowRebalance()
	}
	in.CloseAllowingRebalance()
}

// The client names only what changed since its last fetch, so the broker must remember the rest.
func fetchSession() {
	const count = 50
	topic := create("session", count, nil)
	in := reader(topic, count, kgo.FetchMaxWait(100*time.Millisecond))
	defer in.Close()
	seen := map[string]bool{}
	for round := range 10 {
		var still []int32
		for partition := range int32(count) {
			if int(partition)%3 == round%3 {
				still = append(still, partition)
			}
		}
		in.PauseFetchPartitions(map[string][]int32{topic: still})
		var records []*kgo.Record
		awake := 0
		for partition := int32(round % 5); partition < count; partition += 5 {
			value := fmt.Appendf(nil, "r%d-p%d", round, partition)
			records = append(records, &kgo.Record{Topic: topic, Partition: partition, Value: value})
			if int(partition)%3 != round%3 {
				awake++
			}
		}
		send(records, manual()...)
		// What stands still comes once it may.
		var got []*kgo.Record
		got = append(got, read(in, awake)...)
		for _, record := range got {
			ensure(int(record.Partition)%3 != round%3, "read from a paused partition")
		}
		in.ResumeFetchPartitions(map[string][]int32{topic: still})
		got = append(got, read(in, len(records)-awake)...)
		for _, record := range got {
			ensure(!seen[string(record.Value)], "%s came twice", record.Value)
			seen[string(record.Value)] = true
		}
	}
	ensure(len(seen) == 100, "%d records instead of 100", len(seen))
}

func fromAnOffsetAndATime() {
	topic := create("times", 1, nil)
	start := int64(1_700_000_000_000)
	var sent []*kgo.Record
	for n := range int64(500) {
		sent = append(sent, &kgo.Record{
			Topic: topic, Value: fmt.Append(nil, n), Timestamp: time.UnixMilli(start + 10*n),
		})
	}
	send(sent, manual()...)
	for _, from := range []struct {
		what   string
		offset kgo.Offset
		first  int
	}{
		{"an offset", kgo.NewOffset().At(321), 321},
		{"a time", kgo.NewOffset().AfterMilli(start + 2495), 250},
		{"before the end", kgo.NewOffset().AtEnd().Relative(-7), 493},
	} {
		in := client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: from.offset}}))
		got := read(in, 500-from.first)
		in.Close()
		ensure(got[0].Offset == int64(from.first), "from %s: %d", from.what, got[0].Offset)
	}
}

func readerWaits() {
	topic := create("wait", 1, nil)
	in := reader(topic, 1)
	defer in.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	ensure(len(in.PollFetches(ctx).Records()) == 0, "an empty topic has a record")
	fill(topic, 0, 0, 1)
	ensure(string(read(in, 1)[0].Value) == "0", "something else came")
}

func commitAndResume(protocol string) {
	topic := create("resume-"+protocol, 1, nil)
	fill(topic, 0, 0, 100)
	in := inGroup(protocol, topic, topic, kgo.DisableAutoCommit())
	got := read(in, 100)
	err := in.CommitRecords(soon(), got[39])
	ensure(err == nil, "not committed: %v", err)
	in.Close()
	withAdmin(func(admin *kadm.Client) {
		committed := must(admin.FetchOffsets(soon(), topic))
		at, known := committed.Lookup(topic, 0)
		ensure(known && at.At == 40, "committed is %v", at.At)
	})
	in = inGroup(protocol, topic, topic, kgo.DisableAutoCommit())
	ensure(read(in, 60)[0].Offset == 40, "the successor does not resume at 40")
	err = in.CommitUncommittedOffsets(soon())
	ensure(err == nil, "not committed: %v", err)
	in.Close()
	fill(topic, 0, 100, 1)
	in = inGroup(protocol, topic, topic, kgo.DisableAutoCommit())
	ensure(read(in, 1)[0].Offset == 100, "what was committed is read again")
	in.Close()
}

func automaticCommits(protocol string) {
	topic := create("automatic-"+protocol, 3, nil)
	for partition := range int32(3) {
		fill(topic, partition, 0, 50)
	}
	in := inGroup(protocol, topic, topic)
	read(in, 150)
	// What was handed out before the last poll is committed when the client leaves.
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	in.PollFetches(ctx)
	in.Close()
	withAdmin(func(admin *kadm.Client) {
		committed := must(admin.FetchOffsets(soon(), topic))
		for partition := range int32(3) {
			at, known := committed.Lookup(topic, partition)
			ensure(known && at.At == 50, "committed of %d is %v", partition, at.At)
		}
	})
}

func patternFindsNewTopics(protocol string) {
	first := create("pattern-"+protocol+"-a", 1, nil)
	in := inGroup(protocol, first, "^go-pattern-"+protocol+"-[ab]-"+runID+"$", kgo.ConsumeRegex())
	defer in.Close()
	fill(first, 0, 0, 1)
	ensure(read(in, 1)[0].Topic == first, "a record of another topic")
	fill(create("pattern-"+protocol+"-c", 1, nil), 0, 0, 1)
	second := create("pattern-"+protocol+"-b", 2, nil)
	fill(second, 1, 0, 1)
	ensure(read(in, 1)[0].Topic == second, "a record of another topic")
}
