package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	temporallog "go.temporal.io/sdk/log"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/workflows"
	"github.com/portico-dev/portico/workflows/cluster"
)

func migrateCommand() *cobra.Command {
	var s settings
	command := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database and Temporal forward to this version",
		Long: `Brings the schema of portico.database.url forward. Where a Temporal is configured, it creates the namespace when there is
none, and adds the search attributes that runs are found by. It is safe to run while older servers and workers are running.`,
		Example: "  portico migrate --config app-config.yaml",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			loaded, log, err := s.load(command.Context())
			if err != nil {
				return err
			}
			if loaded.Portico.Database.URL == "" {
				return errors.New(databaseURL + " must be configured: it names the database to bring forward")
			}
			// A session-level lock needs a direct connection.
			at, setting := loaded.Portico.Database.DirectURL, directURL
			if at == "" {
				at, setting = loaded.Portico.Database.URL, databaseURL
			}
			if err := migrate(command.Context(), string(at)); err != nil {
				return blame(setting, err)
			}
			log.Info("the database's schema is up to date")
			return prepareTemporal(command.Context(), loaded.Portico.Temporal, log)
		},
	}
	s.addFlags(command)
	return command
}

func migrate(ctx context.Context, databaseURL string) error {
	pool, err := db.Open(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer pool.Close()
	return db.Migrate(ctx, pool)
}

// prepareTemporal prepares the configured cluster. Without one it does nothing.
func prepareTemporal(ctx context.Context, configured config.Temporal, log *slog.Logger) error {
	target, err := temporalTarget(configured)
	if err != nil || target.Address == "" {
		return err
	}
	return prepareCluster(ctx, target, configured.ConnectTimeout, log)
}

// prepareCluster creates the namespace and the search attributes in Temporal.
func prepareCluster(ctx context.Context, target cluster.Target, wait time.Duration, log *slog.Logger) error {
	connected, err := target.Prepare(ctx, cluster.DialOptions{Wait: wait, Log: log,
		Customize: func(options *client.Options) { options.Logger = temporallog.NewStructuredLogger(log) }})
	if err != nil {
		return err
	}
	defer connected.Close()
	if err := workflows.AddSearchAttributes(ctx, connected, target.Namespace); err != nil {
		// Search attributes are a convenience of the Temporal Web UI: runs work without them.
		log.Warn("runs cannot be found in Temporal by template, subject or state", "error", err)
	}
	log.Info("Temporal is ready", "address", target.Address, "namespace", target.Namespace, "secured", target.Secured())
	return nil
}
