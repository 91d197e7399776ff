package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench/peer:", err)
		os.Exit(1)
	}
}

// options are the sizes and the subjects of the measurements.
type options struct {
	portico, peer, peerPostgres          string
	runs, batch, batches, files, renders int
}

func parse(arguments []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("peer", flag.ContinueOnError)
	flags.StringVar(&o.portico, "portico", "bin/portico", "the `binary` to measure")
	flags.StringVar(&o.peer, "peer", "", "the `directory` that a Backstage is set up in; without it Portico is measured alone")
	flags.StringVar(&o.peerPostgres, "peer-postgres", "", "the data `directory` of the peer's PostgreSQL, to count its CPU too")
	flags.IntVar(&o.runs, "runs", 20, "how many short runs are made one after another")
	flags.IntVar(&o.batch, "batch", 200, "how many short runs are started at once")
	flags.IntVar(&o.batches, "batches", 5, "how often that is done, in turns")
	flags.IntVar(&o.files, "files", 1000, "how many files the skeleton has")
	flags.IntVar(&o.renders, "renders", 3, "how often the skeleton is rendered, in turns")
	if err := flags.Parse(arguments); err != nil {
		return o, err
	}
	if o.runs < 1 || o.batch < 1 || o.batches < 1 || o.files < 1 || o.renders < 1 {
		return o, errors.New("everything has to be measured at least once")
	}
	return o, nil
}

func run(arguments []string) error {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	o, err := parse(arguments)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "portico-peer-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	// If this runs as root, PostgreSQL runs as an unprivileged user, who must be able to traverse the
	// directory.
	if err := os.Chmod(scratch, 0o755); err != nil {
		return err
	}
	templates, err := writeTemplates(filepath.Join(scratch, "templates"), o.files)
	if err != nil {
		return err
	}
	systems, err := prepare(ctx, o, scratch, templates)
	if err != nil {
		return err
	}
	defer func() {
		for _, system := range systems {
			system.stop()
		}
	}()
	results, err := measure(ctx, o, systems)
	if err != nil {
		return err
	}
	return report(os.Stdout, o, results)
}

// prepare describes the systems without starting them. The peer is measured first, on a machine that is not
// busier.
func prepare(ctx context.Context, o options, scratch, templates string) ([]*system, error) {
	var systems []*system
	if o.peer != "" {
		peer, err := newPeer(ctx, o, scratch, templates)
		if err != nil {
			return nil, err
		}
		systems = append(systems, peer)
	}
	portico, err := newPortico(ctx, o, scratch, templates)
	if err != nil {
		return nil, err
	}
	return append(systems, portico), nil
}
