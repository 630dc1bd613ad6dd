package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// patience is how long anything may take before it counts as lost.
const patience = 30 * time.Second

var (
	address = os.Getenv("broker_address")
	nodes   = map[bool]int{true: 2, false: 1}[os.Getenv("broker_nodes") == "per-core"]
	runID   = fmt.Sprintf("%d-%d", os.Getpid(), time.Now().UnixNano()%1_000_000)
)

// ensure ends the case unless the condition holds.
func ensure(holds bool, format string, arguments ...any) {
	if !holds {
		panic(fmt.Sprintf(format, arguments...))
	}
}

// must hands a value on, if there is no error.
func must[T any](value T, err error) T {
	ensure(err == nil, "%T: %v", value, err)
	return value
}

func refused(err, wanted error) {
	ensure(errors.Is(err, wanted), "%v instead of %v", err, wanted)
}

func eventually(what string, condition func() bool) {
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(50 * time.Millisecond) {
		ensure(time.Now().Before(deadline), "waited in vain for %s", what)
	}
}

func soon() context.Context {
	// The case's end is the program's, so the timer may live on.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	_ = cancel
	return ctx
}

// named is a name that no other run has.
func named(name string) string { return "go-" + name + "-" + runID }

func client(options ...kgo.Opt) *kgo.Client {
	return must(kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(address)}, options...)...))
}

// withAdmin lends an administrator's client.
func withAdmin(use func(admin *kadm.Client)) {
	admin := kadm.NewClient(client())
	defer admin.Close()
	use(admin)
}

func create(name string, partitions int32, config map[string]*string) string {
	topic := named(name)
	withAdmin(func(admin *kadm.Client) {
		must(admin.CreateTopic(soon(), partitions, 1, config, topic))
	})
	return topic
}

// send produces all and waits for all; each record then says where it lies.
func send(records []*kgo.Record, options ...kgo.Opt) {
	out := client(options...)
	defer out.Close()
	for _, result := range out.ProduceSync(soon(), records...) {
		ensure(result.Err == nil, "not produced: %v", result.Err)
	}
}

// manual lets records say their partition.
func manual(options ...kgo.Opt) []kgo.Opt {
	return append(options, kgo.RecordPartitioner(kgo.ManualPartitioner()))
}

// fill produces numbered values to one partition.
func fill(topic string, partition int32, from, count int) {
	var records []*kgo.Record
	for n := from; n < from+count; n++ {
		records = append(records, &kgo.Record{Topic: topic, Partition: partition, Value: fmt.Append(nil, n)})
	}
	send(records, manual()...)
}

// reader reads partitions from the beginning, outside of any group.
func reader(topic string, partitions int32, options ...kgo.Opt) *kgo.Client {
	from := map[int32]kgo.Offset{}
	for partition := range partitions {
		from[partition] = kgo.NewOffset().AtStart()
	}
	return client(append(options, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))...)
}

// read reads exactly so many records; fewer, or offsets that go backwards, end the case.
func read(in *kgo.Client, count int) []*kgo.Record {
	type partition struct {
		topic string
		index int32
	}
	var records []*kgo.Record
	last := map[partition]int64{}
	ctx := soon()
	for len(records) < count {
		fetches := in.PollFetches(ctx)
		ensure(ctx.Err() == nil, "%d records instead of %d", len(records), count)
		for _, fault := range fetches.Errors() {
			panic(fmt.Sprintf("%s-%d: %v", fault.Topic, fault.Partition, fault.Err))
		}
		for _, record := range fetches.Records() {
			of := partition{record.Topic, record.Partition}
			before, known := last[of]
			ensure(!known || before < record.Offset, "offset %d after %d", record.Offset, before)
			last[of] = record.Offset
			records = append(records, record)
		}
	}
	ensure(len(records) == count, "%d records instead of %d", len(records), count)
	return records
}

// readAll reads a topic once and lets the reader go.
func readAll(topic string, partitions int32, count int, options ...kgo.Opt) []*kgo.Record {
	in := reader(topic, partitions, options...)
	defer in.Close()
	return read(in, count)
}
