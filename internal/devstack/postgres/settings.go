package postgres

// defaultSettings suit one developer's machine: small, quiet, and as safe as a server in production. Every
// commit is on disk before it is acknowledged, but for connections that ask for less, so killing the server,
// or the machine's power, loses nothing that anybody was told is done.
var defaultSettings = map[string]string{
	"listen_addresses":        "127.0.0.1",
	"unix_socket_permissions": "0700",
	"max_connections":         "200",
	"shared_buffers":          "128MB",

	// Nobody replicates from here, so the log need not carry what a replica wants.
	"wal_level":                       "minimal",
	"max_wal_senders":                 "0",
	"max_logical_replication_workers": "0",
	"max_wal_size":                    "1GB",
	"checkpoint_timeout":              "15min",

	// Compiling a plan costs more than our statements take.
	"jit": "off",

	// A client sees its own errors. The server's log is for the server's troubles, and must not show values.
	"log_min_messages":        "log",
	"log_min_error_statement": "panic",
	"log_checkpoints":         "off",
	"log_line_prefix":         "",
	"log_destination":         "stderr",
	"logging_collector":       "off",
}
