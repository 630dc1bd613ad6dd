package main

import (
	"bytes"
	"fmt"
	"math/rand"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func producingCases() []namedCase {
	var cases []namedCase
	for _, codec := range []struct {
		name  string
		codec kgo.CompressionCodec
	}{
		{"none", kgo.NoCompression()}, {"gzip", kgo.GzipCompression()}, {"snappy", kgo.SnappyCompression()},
		{"lz4", kgo.Lz4Compression()}, {"zstd", kgo.ZstdCompression()},
	} {
		cases = append(cases, namedCase{"codec_" + codec.name, func() {
			roundTrip(create("codec-"+codec.name, 1, nil), 3000, kgo.ProducerBatchCompression(codec.codec))
		}})
	}
	return append(cases,
		namedCase{"idempotent_small_batches", func() {
			roundTrip(create("small", 1, nil), 3000, kgo.MaxBufferedRecords(17), kgo.ProducerLinger(0))
		}},
		namedCase{"not_idempotent", func() {
			roundTrip(create("plain", 1, nil), 500, kgo.DisableIdempotentWrite())
		}},
		namedCase{"acks_one_and_none", acksOneAndNone},
		namedCase{"keys_keep_their_order", keysKeepTheirOrder},
		namedCase{"headers_nulls_and_timestamps", headersNullsAndTimestamps},
		namedCase{"a_big_record", bigRecord},
		namedCase{"too_big_a_record_is_refused", tooBig},
		namedCase{"a_topic_is_created_by_producing", func() {
			roundTrip(named("auto"), 100, kgo.AllowAutoTopicCreation())
		}},
	)
}

// lines are values like log lines: alike enough to compress, and each different.
func lines(topic string, count int) []*kgo.Record {
	chance := rand.New(rand.NewSource(7))
	words := []string{"order", "placed", "by", "customer", "paid", "röd", "tröja", "timeout", "retry"}
	var records []*kgo.Record
	for n := range count {
		value := fmt.Append(nil, n)
		for range chance.Intn(20) {
			value = append(append(value, ' '), words[chance.Intn(len(words))]...)
		}
		records = append(records, &kgo.Record{Topic: topic, Value: value})
	}
	return records
}

func roundTrip(topic string, count int, options ...kgo.Opt) {
	sent := lines(topic, count)
	send(sent, manual(options...)...)
	for n, record := range sent {
		ensure(record.Offset == int64(n), "record %d was put at %d", n, record.Offset)
	}
	sameValues(readAll(topic, 1, count), sent)
}

func sameValues(got, sent []*kgo.Record) {
	for n := range sent {
		ensure(bytes.Equal(got[n].Value, sent[n].Value), "record %d is %q instead of %q", n, got[n].Value, sent[n].Value)
	}
}

func acksOneAndNone() {
	for name, acks := range map[string]kgo.Acks{"one": kgo.LeaderAck(), "none": kgo.NoAck()} {
		topic := create("acks-"+name, 1, nil)
		sent := lines(topic, 300)
		send(sent, manual(kgo.RequiredAcks(acks), kgo.DisableIdempotentWrite())...)
		sameValues(readAll(topic, 1, len(sent)), sent)
	}
}

func keysKeepTheirOrder() {
	const partitions = 6
	topic := create("keyed", partitions, nil)
	var sent []*kgo.Record
	for n := range 5000 {
		sent = append(sent, &kgo.Record{
			Topic: topic, Key: fmt.Appendf(nil, "customer-%d", n%40), Value: fmt.Append(nil, n),
		})
	}
	send(sent, kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	hashed := kgo.StickyKeyPartitioner(nil).ForTopic(topic)
	used := map[int32]bool{}
	for _, record := range sent {
		home := int32(hashed.Partition(record, partitions))
		ensure(record.Partition == home, "%s is in %d instead of %d", record.Key, record.Partition, home)
		used[home] = true
	}
	ensure(len(used) > 1, "all in one partition")
	last := map[string]int{}
	for _, record := range readAll(topic, partitions, len(sent)) {
		var number int
		must(fmt.Sscan(string(record.Value), &number))
		ensure(record.Partition == sent[number].Partition, "record %d is elsewhere", number)
		before, known := last[string(record.Key)]
		ensure(!known || before < number, "%s: %d after %d", record.Key, number, before)
		last[string(record.Key)] = number
	}
}

func headersNullsAndTimestamps() {
	topic := create("headers", 1, nil)
	at := time.UnixMilli(1_700_000_000_123)
	headers := []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "a", Value: []byte{}}, {Key: "b"}}
	send([]*kgo.Record{
		{Topic: topic, Key: []byte("k"), Value: []byte("v"), Headers: headers, Timestamp: at},
		{Topic: topic, Key: []byte("k"), Timestamp: at.Add(time.Millisecond)},
		{Topic: topic, Value: []byte{}, Timestamp: at.Add(2 * time.Millisecond)},
	}, manual()...)
	got := readAll(topic, 1, 3)
	ensure(fmt.Sprint(got[0].Headers) == fmt.Sprint(headers), "headers are %v", got[0].Headers)
	for n, record := range got {
		wanted := at.Add(time.Duration(n) * time.Millisecond)
		ensure(record.Timestamp.Equal(wanted), "%v instead of %v", record.Timestamp, wanted)
	}
	ensure(got[1].Value == nil && got[2].Key == nil && got[2].Value != nil, "nulls are not what they were")
}

func bigRecord() {
	topic := create("big", 1, nil)
	value := make([]byte, 1_000_000)
	rand.New(rand.NewSource(3)).Read(value)
	send([]*kgo.Record{{Topic: topic, Value: value}}, manual(kgo.ProducerBatchMaxBytes(2_000_000))...)
	got := readAll(topic, 1, 1, kgo.FetchMaxPartitionBytes(1000), kgo.FetchMaxBytes(1000))
	ensure(bytes.Equal(got[0].Value, value), "it came back changed")
}

func tooBig() {
	topic := create("too-big", 1, nil)
	out := client(manual(kgo.ProducerBatchMaxBytes(3_000_000), kgo.ProducerBatchCompression(kgo.NoCompression()))...)
	defer out.Close()
	result := out.ProduceSync(soon(), &kgo.Record{Topic: topic, Value: make([]byte, 2_000_000)})
	refused(result.FirstErr(), kerr.MessageTooLarge)
	small := must(out.ProduceSync(soon(), &kgo.Record{Topic: topic, Value: []byte("small")}).First())
	ensure(small.Offset == 0, "the next record was put at %d", small.Offset)
}
