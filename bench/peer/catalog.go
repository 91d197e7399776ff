package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/portico-dev/portico/bench/material"
)

const (
	ingestTimeout = time.Hour
	// A catalog that fills is asked after at least pollIngestEvery, and after the pollShare-th part of the time that has
	// passed: counting costs a system more than processing an entity.
	pollIngestEvery = 50 * time.Millisecond
	pollShare       = 50
	serveTimeout    = time.Minute
	// maxCompared is the number of answers to one kind of question, at least half of which are compared.
	maxCompared = 100
)

// catalogFiles is a catalog in files that both systems read over HTTP.
type catalogFiles struct {
	material.Material
	// host has the address and the port of the server; urls are the Locations.
	host string
	urls []string
	// stop ends the server.
	stop func()
}

// serveCatalog writes this many entities to files of a directory and serves them.
func serveCatalog(ctx context.Context, directory string, entities int) (*catalogFiles, error) {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return nil, err
	}
	made, err := material.Write(directory, entities)
	if err != nil {
		return nil, fmt.Errorf("write a catalog: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: http.FileServer(http.Dir(directory)), ReadHeaderTimeout: serveTimeout}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // it says that it was closed
	}()
	files := &catalogFiles{Material: made, host: listener.Addr().String(), stop: func() {
		_ = server.Close() // nobody reads any more
		<-ended
	}}
	for _, path := range made.Locations {
		files.urls = append(files.urls, fmt.Sprintf("http://%s/%s", files.host, filepath.Base(path)))
	}
	return files, nil
}

// ingest registers the Locations in an empty catalog, and waits until every entity is served and every owner knows
// what it owns, which is the last thing that both systems find out.
func ingest(ctx context.Context, o options, s *system, r *result) error {
	before, err := s.usage()
	if err != nil {
		return err
	}
	began := time.Now()
	for _, url := range o.catalog.urls {
		status, err := s.call(ctx, http.MethodPost, "/api/catalog/locations", map[string]string{"type": "url", "target": url}, nil)
		if err != nil {
			return err
		}
		if status != http.StatusCreated {
			return fmt.Errorf("%s answered %d when %s was registered", s.name, status, url)
		}
	}
	if err := s.untilIngested(ctx, o.catalog, began); err != nil {
		return err
	}
	took := time.Since(began)
	after, err := s.usage()
	r.ingest = sample{took, after.since(before)}
	return err
}

func (s *system) untilIngested(ctx context.Context, files *catalogFiles, began time.Time) error {
	var last time.Time
	return s.until(ctx, ingestTimeout, pollIngestEvery, func() (bool, error) {
		if time.Since(last) < time.Since(began)/pollShare {
			return false, nil
		}
		defer func() { last = time.Now() }()
		var list answer
		if _, err := s.call(ctx, http.MethodGet, "/api/catalog/entities/by-query?limit=0", nil, &list); err != nil {
			return false, err
		}
		if list.TotalItems < files.Entities {
			return false, nil
		}
		var facets answer
		if _, err := s.call(ctx, http.MethodGet, "/api/catalog/entity-facets?facet=relations.ownerOf", nil, &facets); err != nil {
			return false, err
		}
		owned := 0
		for _, value := range facets.Facets["relations.ownerOf"] {
			owned += value.Count
		}
		return owned >= files.Owned, nil
	})
}

// rest leaves a system to itself: it puts entities into its search index, and PostgreSQL's autovacuum, which looks around once
// a minute, learns what the tables have in them.
func rest(ctx context.Context, o options, s *system, r *result) error {
	before, err := s.usage()
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(o.rest):
	}
	after, err := s.usage()
	r.rest = sample{o.rest, after.since(before)}
	return err
}

// read is a kind of question that portals ask, with requests that differ in what they look for.
type read struct {
	title string
	paths []string
	// atLeast is how many times as many of them Portico promises to answer; 0 is no promise.
	atLeast float64
}

// reads are the questions of the peer's own benchmark, asked for several kinds, words and names instead of one each.
func reads(entities int) []read {
	const ordered = "/api/catalog/entities/by-query?limit=20&orderField=metadata.name,asc&filter=kind=component"
	var all []read
	add := func(title string, atLeast float64, format string, values ...string) {
		one := read{title: title, atLeast: atLeast}
		for _, value := range values {
			one.paths = append(one.paths, fmt.Sprintf(format, value))
		}
		all = append(all, one)
	}
	var names, parts, offsets, numbers []string
	components := entities * 2 / 3 // a little fewer than there are
	for i := range components {
		offsets, numbers = append(offsets, strconv.Itoa(i)), append(numbers, strconv.Itoa(i))
	}
	for i := range 100 {
		names = append(names, fmt.Sprintf("component-%06d", i*components/100))
		parts = append(parts, fmt.Sprintf("component-%04d", i)) // the first digits of a hundred names
	}
	add("20 of a kind, ordered by name", 50, "/api/catalog/entities/by-query?limit=20&orderField=metadata.name,asc&filter=kind=%s",
		"component", "api", "resource", "user", "system")
	add("20 of the components of a type", 50, ordered+",spec.type=%s", "service", "website", "library", "pipeline")
	add("20 of the components, no page twice", 50, ordered+"&offset=%s", offsets...)
	add("count of a kind", 50, "/api/catalog/entities/by-query?limit=0&filter=kind=%s", "component", "api", "resource", "user", "system")
	add("full text in titles and descriptions", 30, ordered+"&fullTextFilterFields=metadata.title,metadata.description&fullTextFilterTerm=%s", material.Words...)
	add("full text in titles and descriptions, no term twice", 30, ordered+"&fullTextFilterFields=metadata.title,metadata.description&fullTextFilterTerm=%s", numbers...)
	add("full text in names", 30, ordered+"&fullTextFilterTerm=%s", parts...)
	add("facets", 30, "/api/catalog/entity-facets?%s", "facet=spec.type", "facet=kind", "facet=spec.lifecycle", "facet=metadata.tags&filter=kind=component")
	add("one entity by name", 60, "/api/catalog/entities/by-name/component/default/%s", names...)
	return all
}

// answer is the part of answers in which both systems have to agree.
type answer struct {
	TotalItems int
	Items      []named
	Facets     map[string][]facetValue
	Metadata   struct{ Name string }
}

type facetValue struct {
	Value string
	Count int
}

type named struct{ Metadata struct{ Name string } }

// ask asks every question once, to compare the answers.
func ask(ctx context.Context, o options, s *system, r *result) error {
	r.answers = map[string]answer{}
	for _, read := range reads(o.entities) {
		for i := 0; i < len(read.paths); i += 1 + len(read.paths)/maxCompared {
			path := read.paths[i]
			var a answer
			status, err := s.call(ctx, http.MethodGet, path, nil, &a)
			if err != nil {
				return err
			}
			if status != http.StatusOK {
				return fmt.Errorf("%s answered %d to %s", s.name, status, path)
			}
			for _, values := range a.Facets {
				slices.SortFunc(values, func(a, b facetValue) int { return cmp.Compare(a.Value, b.Value) })
			}
			r.answers[path] = a
		}
	}
	return nil
}

// agree fails when two systems answered differently: then they have not done the same work.
func agree(results []result) error {
	var differences []error
	for _, r := range results[1:] {
		for path, a := range results[0].answers {
			if b, asked := r.answers[path]; asked && !reflect.DeepEqual(a, b) {
				differences = append(differences, fmt.Errorf("%s: %s answered %+v, and %s %+v", path, results[0].system, a, r.system, b))
			}
		}
	}
	return errors.Join(differences...)
}

// load asks one kind of question over all connections for some time.
func load(read read) phase {
	return func(ctx context.Context, o options, s *system, r *result) error {
		before, err := s.usage()
		if err != nil {
			return err
		}
		// A path that was asked before is asked last.
		done := 0
		for _, earlier := range r.loads[read.title] {
			done += len(earlier.latencies)
		}
		begin := done % len(read.paths)
		measured, err := s.send(ctx, slices.Concat(read.paths[begin:], read.paths[:begin]), o.clients, o.period)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", s.name, read.title, err)
		}
		after, err := s.usage()
		measured.cpu = after.since(before)
		if r.loads == nil {
			r.loads = map[string][]loaded{}
		}
		r.loads[read.title] = append(r.loads[read.title], measured)
		return err
	}
}
