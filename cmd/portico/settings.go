package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/seal"
	"github.com/portico-dev/portico/telemetry"
)

// settings are the flags of every command that runs a part of Portico.
type settings struct {
	configFiles []string
	logLevel    string
	logFormat   string
}

func (s *settings) addFlags(command *cobra.Command) {
	flags := command.Flags()
	flags.StringArrayVar(&s.configFiles, "config", nil, "a configuration file; repeat it, later files win")
	flags.StringVar(&s.logLevel, "log-level", "info", "what to log: debug, info, warn or error")
	flags.StringVar(&s.logFormat, "log-format", "text", "how to log: text or json")
}

func (s *settings) load(ctx context.Context) (*config.Config, *slog.Logger, error) {
	log, err := newLogger(os.Stderr, s.logLevel, s.logFormat)
	if err != nil {
		return nil, nil, err
	}
	loaded, err := config.Load(ctx, config.Options{Files: s.configFiles})
	if err != nil {
		return nil, nil, err
	}
	for _, warning := range loaded.Warnings {
		log.Warn("configuration", "problem", warning.String())
	}
	return loaded, log, nil
}

func newLogger(out io.Writer, level, format string) (*slog.Logger, error) {
	var threshold slog.Level
	if err := threshold.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level %s: use debug, info, warn or error", level)
	}
	options := &slog.HandlerOptions{Level: threshold}
	switch format {
	case "text":
		return slog.New(telemetry.LogHandler(slog.NewTextHandler(out, options))), nil
	case "json":
		return slog.New(telemetry.LogHandler(slog.NewJSONHandler(out, options))), nil
	default:
		return nil, fmt.Errorf("--log-format %s: use text or json", format)
	}
}

// databaseURL is the key of the database's URL.
const databaseURL = "portico.database.url"

// directURL is the key of the URL without a connection pooler.
const directURL = "portico.database.directUrl"

// blame adds the setting to the error of a database that could not be opened.
func blame(setting string, err error) error {
	if _, unopened := errors.AsType[*db.OpenError](err); unopened {
		return fmt.Errorf("%s: %w", setting, err)
	}
	return err
}

// configuredKeys parses the encryption keys of the configuration.
func configuredKeys(configured []config.EncryptionKey) ([]seal.Key, error) {
	var keys []seal.Key
	for _, entry := range configured {
		key, err := seal.ParseKey(entry.ID, string(entry.Key))
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// errNoKeys is the error of a production process without an encryption key.
var errNoKeys = errors.New("portico.encryption.keys is empty: the secrets of runs are encrypted with it. " +
	"Make one with `openssl rand -base64 32` and configure it, the same for every server and worker")

// keptKey reads the encryption key of a data directory, and creates it if there is none.
func keptKey(dataDir string) (seal.Key, error) {
	path := filepath.Join(dataDir, "encryption.key")
	secret, err := os.ReadFile(path)
	if err == nil {
		return seal.Key{ID: "data-directory", Secret: secret}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return seal.Key{}, fmt.Errorf("read the encryption key: %w", err)
	}
	key := seal.GenerateKey("data-directory")
	if err := os.WriteFile(path, key.Secret, 0o600); err != nil {
		return seal.Key{}, fmt.Errorf("keep the encryption key: %w", err)
	}
	return key, nil
}
