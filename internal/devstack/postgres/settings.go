package postgres

// defaultSettings are for one developer's machine: small, quiet, and as durable as a production server.
// Commits are on disk before they are acknowledged, except on connections that request less. So a killed
// server or a power failure loses nothing that was acknowledged.
var defaultSettings = map[string]string{
	"listen_addresses":        "127.0.0.1",
	"unix_socket_permissions": "0700",
	"max_connections":         "200",
	"shared_buffers":          "128MB",

	// There are no replicas, so the write-ahead log needs no data for them.
	"wal_level":                       "minimal",
	"max_wal_senders":                 "0",
	"max_logical_replication_workers": "0",
	"max_wal_size":                    "1GB",
	"checkpoint_timeout":              "15min",

	// Compiling a plan costs more than executing our statements.
	"jit": "off",

	// Clients see their own errors. The server's log is for problems of the server, and must not contain
	// values.
	"log_min_messages":        "log",
	"log_min_error_statement": "panic",
	"log_checkpoints":         "off",
	"log_line_prefix":         "",
	"log_destination":         "stderr",
	"logging_collector":       "off",
}
