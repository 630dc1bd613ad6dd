package main

import (
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func adminCases() []namedCase {
	cases := []namedCase{
		{"cluster_and_its_nodes", cluster},
		{"topics_come_grow_and_go", topics},
		{"settings_are_told_and_changed", settings},
		{"offsets_are_listed", offsets},
		{"records_are_deleted", records},
		{"producers_and_log_dirs_are_told", producersAndLogDirs},
	}
	for _, protocol := range []string{"classic", "consumer"} {
		cases = append(cases, namedCase{"groups_are_told_and_deleted_" + protocol, func() { groups(protocol) }})
	}
	return cases
}

func text(value string) *string { return &value }

func cluster() {
	withAdmin(func(admin *kadm.Client) {
		metadata := must(admin.BrokerMetadata(soon()))
		ensure(len(metadata.Brokers) == nodes, "%d nodes", len(metadata.Brokers))
		ensure(metadata.Cluster != "", "no cluster id")
	})
}

func topics() {
	withAdmin(func(admin *kadm.Client) {
		topic := named("admin")
		config := map[string]*string{"retention.ms": text("3600000")}
		must(admin.ValidateCreateTopics(soon(), 3, 1, config, topic))
		ensure(!must(admin.ListTopics(soon())).Has(topic), "only to be validated, yet created")
		must(admin.CreateTopic(soon(), 3, 1, config, topic))
		partitions := func() int { return len(must(admin.ListTopics(soon()))[topic].Partitions) }
		eventually("three partitions", func() bool { return partitions() == 3 })
		_, err := admin.CreateTopic(soon(), 3, 1, config, topic)
		refused(err, kerr.TopicAlreadyExists)
		_, err = admin.CreateTopic(soon(), 1, 1, nil, "no/slash")
		refused(err, kerr.InvalidTopicException)
		_, err = admin.CreateTopic(soon(), 1, 1, map[string]*string{"retention.ms": text("soon")}, topic+"-1")
		refused(err, kerr.InvalidConfig)

		ensure(must(admin.UpdatePartitions(soon(), 5, topic)).Error() == nil, "it does not grow")
		refused(must(admin.UpdatePartitions(soon(), 4, topic)).Error(), kerr.InvalidPartitions)
		eventually("five partitions", func() bool { return partitions() == 5 })
		fill(topic, 4, 0, 1)

		must(admin.DeleteTopic(soon(), topic))
		eventually("its end", func() bool { return !must(admin.ListTopics(soon())).Has(topic) })
		_, err = admin.DeleteTopic(soon(), topic)
		refused(err, kerr.UnknownTopicOrPartition)
	})
}

func settings() {
	topic := create("settings", 1, map[string]*string{"cleanup.policy": text("compact")})
	withAdmin(func(admin *kadm.Client) {
		value := func(name string) (string, bool) {
			described := must(must(admin.DescribeTopicConfigs(soon(), topic)).On(topic, nil))
			for _, config := range described.Configs {
				if config.Key == name {
					return config.MaybeValue(), config.Source.String() == "DYNAMIC_TOPIC_CONFIG"
				}
			}
			panic("no setting " + name)
		}
		policy, isSet := value("cleanup.policy")
		ensure(policy == "compact" && isSet, "cleanup.policy is %q, set: %v", policy, isSet)
		responses := must(admin.AlterTopicConfigs(soon(), []kadm.AlterConfig{
			{Op: kadm.SetConfig, Name: "retention.ms", Value: text("7200000")},
			{Op: kadm.AppendConfig, Name: "cleanup.policy", Value: text("delete")},
		}, topic))
		ensure(responses[0].Err == nil, "not changed: %v", responses[0].Err)
		eventually("the new settings", func() bool {
			retention, _ := value("retention.ms")
			policy, _ := value("cleanup.policy")
			return retention == "7200000" && policy == "compact,delete"
		})
		responses = must(admin.AlterTopicConfigs(soon(), []kadm.AlterConfig{
			{Op: kadm.DeleteConfig, Name: "retention.ms"},
			{Op: kadm.SubtractConfig, Name: "cleanup.policy", Value: text("compact")},
		}, topic))
		ensure(responses[0].Err == nil, "not changed back: %v", responses[0].Err)
		eventually("the default again", func() bool {
			_, isSet := value("retention.ms")
			policy, _ := value("cleanup.policy")
			return !isSet && policy == "delete"
		})
		responses = must(admin.AlterTopicConfigs(soon(), []kadm.AlterConfig{
			{Op: kadm.SetConfig, Name: "segment.bytes", Value: text("-5")},
		}, topic))
		refused(responses[0].Err, kerr.InvalidConfig)
	})
}

func offsets() {
	topic := create("offsets", 1, nil)
	at := time.UnixMilli(1_700_000_000_000)
	// The latest time is not the last record's.
	send([]*kgo.Record{
		{Topic: topic, Value: []byte("a"), Timestamp: at},
		{Topic: topic, Value: []byte("b"), Timestamp: at.Add(500 * time.Millisecond)},
		{Topic: topic, Value: []byte("c"), Timestamp: at.Add(200 * time.Millisecond)},
	}, manual()...)
	withAdmin(func(admin *kadm.Client) {
		check := func(what string, listed kadm.ListedOffsets, wanted int64) {
			found, known := listed.Lookup(topic, 0)
			ensure(known && found.Err == nil && found.Offset == wanted, "%s is %d (%v)", what, found.Offset, found.Err)
		}
		check("the start", must(admin.ListStartOffsets(soon(), topic)), 0)
		check("the end", must(admin.ListEndOffsets(soon(), topic)), 3)
		check("the latest time", must(admin.ListMaxTimestampOffsets(soon(), topic)), 1)
		check("a time", must(admin.ListOffsetsAfterMilli(soon(), at.UnixMilli()+1, topic)), 1)
	})
}

func records() {
	topic := create("delete-records", 1, nil)
	fill(topic, 0, 0, 100)
	withAdmin(func(admin *kadm.Client) {
		before := func(offset int64) (kadm.DeleteRecordsResponse, bool) {
			var upTo kadm.Offsets
			upTo.AddOffset(topic, 0, offset, -1)
			return must(admin.DeleteRecords(soon(), upTo)).Lookup(topic, 0)
		}
		deleted, _ := before(60)
		ensure(deleted.Err == nil && deleted.LowWatermark == 60, "the low watermark is %d", deleted.LowWatermark)
		deleted, _ = before(101)
		refused(deleted.Err, kerr.OffsetOutOfRange)
	})
	ensure(readAll(topic, 1, 40)[0].Offset == 60, "the first that is left is another")
}

func producersAndLogDirs() {
	topic := create("producers", 1, nil)
	fill(topic, 0, 0, 10)
	var set kadm.TopicsSet
	set.Add(topic, 0)
	withAdmin(func(admin *kadm.Client) {
		producers := must(admin.DescribeProducers(soon(), set)).SortedProducers()
		ensure(len(producers) == 1 && producers[0].LastSequence == 9, "producers are %+v", producers)
		size := int64(0)
		must(admin.DescribeAllLogDirs(soon(), set)).Each(func(dir kadm.DescribedLogDir) { size += dir.Size() })
		ensure(size > 0, "no directory has the partition")
	})
}

func groups(protocol string) {
	topic := create("group-"+protocol, 1, nil)
	group := topic
	fill(topic, 0, 0, 10)
	withAdmin(func(admin *kadm.Client) {
		in := inGroup(protocol, group, topic, kgo.DisableAutoCommit())
		read(in, 10)
		err := in.CommitUncommittedOffsets(soon())
		ensure(err == nil, "not committed: %v", err)
		check := func(state string, members int) {
			if protocol == "consumer" {
				found := must(admin.DescribeConsumerGroups(soon(), group))[group]
				ensure(found.Err == nil, "not described: %v", found.Err)
				ensure(found.State == state && len(found.Members) == members, "it is %+v", found)
				return
			}
			found := must(admin.Lag(soon(), group))[group]
			ensure(found.Error() == nil, "not described: %v", found.Error())
			ensure(found.State == state && len(found.Members) == members, "it is %+v", found)
			ensure(found.Lag.Total() == 0, "a lag of %d", found.Lag.Total())
		}
		check("Stable", 1)
		_, err = admin.DeleteGroup(soon(), group)
		refused(err, kerr.NonEmptyGroup)
		in.Close()
		check("Empty", 0)
		listed := must(admin.ListGroups(soon()))[group]
		ensure(listed.GroupType == protocol && listed.State == "Empty", "listed as %+v", listed)

		var moved kadm.Offsets
		moved.AddOffset(topic, 0, 4, -1)
		err = admin.CommitAllOffsets(soon(), group, moved)
		ensure(err == nil, "offsets not changed: %v", err)
		at, _ := must(admin.FetchOffsets(soon(), group)).Lookup(topic, 0)
		ensure(at.At == 4, "committed is %d", at.At)
		var set kadm.TopicsSet
		set.Add(topic, 0)
		err = must(admin.DeleteOffsets(soon(), group, set)).Error()
		ensure(err == nil, "offsets not deleted: %v", err)
		_, known := must(admin.FetchOffsets(soon(), group)).Lookup(topic, 0)
		ensure(!known, "an offset is still there")
		must(admin.DeleteGroup(soon(), group))
		_, err = admin.DeleteGroup(soon(), group)
		refused(err, kerr.GroupIDNotFound)
	})
}
