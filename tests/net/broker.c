// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands in for a Kafka: librdkafka's mock cluster, which listens on loopback and forgets all
 * at its end. Prints its address, then obeys "down" (connections are cut and none is accepted)
 * and "up", a line each, and answers each with a line.
 */
#include <err.h>
#include <stdio.h>
#include <string.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#define TOPIC      "headcount"
#define PARTITIONS 4

int main(void)
{
	char why[512], word[16];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_mock_cluster_t *cluster;
	rd_kafka_resp_err_t error = 0;
	rd_kafka_t *kafka;

	rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", NULL, 0);
	rd_kafka_conf_set(conf, "log_level", "0", NULL, 0); /* it says that there is a mock */
	kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (!kafka)
		errx(1, "%s", why);
	cluster = rd_kafka_handle_mock_cluster(kafka);
	if (!cluster || rd_kafka_mock_topic_create(cluster, TOPIC, PARTITIONS, 1))
		errx(1, "no cluster");
	puts(rd_kafka_mock_cluster_bootstraps(cluster));
	fflush(stdout);
	while (!error && scanf("%15s", word) == 1) {
		if (!strcmp(word, "down"))
			error = rd_kafka_mock_broker_set_down(cluster, 1);
		else if (!strcmp(word, "up"))
			error = rd_kafka_mock_broker_set_up(cluster, 1);
		else
			errx(1, "what is %s?", word);
		puts(rd_kafka_err2str(error));
		fflush(stdout);
	}
	rd_kafka_destroy(kafka);
	return !!error;
}
