/* The proxy as a whole: listeners, workers (threads, each with a loop of its own, sharing nothing but
 * what is named here), reload, drain, hand-over. cli starts one and gives it where records go. */
#ifndef PROXY_SERVER_H
#define PROXY_SERVER_H

#include "proxy/admin.h"
#include "proxy/config.h"
#include "trace/exchange.h"

struct server_options {
	const char *config_path; /* NULL: the built-in configuration */
	struct config *config;   /* loaded; the server takes the reference */
	/* A finished exchange, in a worker's thread: judged, rendered and queued by cli. NULL: no
	   records are wanted. */
	void (*exchange)(void *context, const struct config *config, const struct exchange *x);
	const struct admin_views *views; /* for the admin door (admin.h); NULL: there is none */
	/* This configuration is about to be given to the workers: the time to load what they, who may
	   open no files, will need for it. NULL: nothing. */
	void (*prepare)(void *context, const struct config *config);
	/* SIGHUP or SIGUSR1 came: logs are to be opened anew. NULL: nobody cares. */
	void (*rotate)(void *context);
	/* A reload brings this configuration into force. Not in a worker's thread: those may open no
	   files. NULL: nobody cares. */
	void (*reloaded)(void *context, const struct config *config);
	/* One line for the operator: started, reloaded, out of descriptors, ... */
	void (*say)(void *context, const char *text);
	void *context;
};

/* Runs until SIGTERM or SIGINT has drained it; 0, or a negative errno with err. */
int server_run(const struct server_options *options, struct error *err);

#endif
