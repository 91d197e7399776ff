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
	"time"
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
	// entities, clients, period and rounds are the size of the catalog and the load of reads.
	entities, clients, rounds int
	period, rest              time.Duration
	// what is runs, catalog, or ingest, which is the first part of catalog.
	what string
	// catalog is what is ingested, nil without the catalog.
	catalog *catalogFiles
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
	flags.IntVar(&o.entities, "entities", 14_650, "how many entities are ingested, of which two thirds are components")
	flags.IntVar(&o.clients, "clients", 16, "over how many connections the catalog is read at once")
	flags.DurationVar(&o.period, "period", 5*time.Second, "how long each question is asked")
	flags.IntVar(&o.rounds, "rounds", 3, "how often that is done, in turns")
	flags.DurationVar(&o.rest, "rest", 75*time.Second, "how long each system works by itself between the ingest and the questions")
	flags.StringVar(&o.what, "what", "runs", "what is measured: runs, catalog, or ingest")
	if err := flags.Parse(arguments); err != nil {
		return o, err
	}
	if o.what != "runs" && !o.hasCatalog() {
		return o, fmt.Errorf("-what is runs, catalog or ingest, and not %q", o.what)
	}
	const fewest = 1465 // one of each kind
	if o.entities < fewest || o.clients < 1 || o.rounds < 1 || o.period <= 0 {
		return o, fmt.Errorf("a catalog has at least %d entities, and is read at least once", fewest)
	}
	if o.runs < 1 || o.batch < 1 || o.batches < 1 || o.files < 1 || o.renders < 1 {
		return o, errors.New("everything has to be measured at least once")
	}
	return o, nil
}

func (o options) hasCatalog() bool { return o.what == "catalog" || o.what == "ingest" }

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
	if o.hasCatalog() {
		if o.catalog, err = serveCatalog(ctx, filepath.Join(scratch, "catalog"), o.entities); err != nil {
			return err
		}
		defer o.catalog.stop()
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
