package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/db"
)

func migrateCommand() *cobra.Command {
	var s settings
	command := &cobra.Command{
		Use:     "migrate",
		Short:   "Bring the database's schema forward to this version",
		Long:    "Brings the schema of portico.database.url forward. It is safe to run while older servers and workers are running.",
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
			// What holds a lock for a while needs a connection of its own.
			at, setting := loaded.Portico.Database.DirectURL, directURL
			if at == "" {
				at, setting = loaded.Portico.Database.URL, databaseURL
			}
			if err := migrate(command.Context(), string(at)); err != nil {
				return blame(setting, err)
			}
			log.Info("the database's schema is up to date")
			return nil
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
