package processing

import (
	"context"
	"encoding/json"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/provenance"
)

const (
	// maxReads is how many targets of one Location are read at once.
	maxReads = 8
	// maxChildren bounds what one Location may bring.
	maxChildren = 20_000
)

// finding is what was found at one target of a Location.
type finding struct {
	children []Emitted
	errors   []error
}

// expand reads the targets of a Location and collects the entities there as its children, in the order of the targets.
func (r *run) expand(ctx context.Context, parent string) {
	targets := entity.LocationTargets(r.entity, r.at.Kind())
	findings := make([]finding, len(targets))
	group := errgroup.Group{}
	group.SetLimit(maxReads)
	for i, target := range targets {
		r.result.ReadOutside = true
		group.Go(func() (err error) {
			defer fault.Recover(&err)
			findings[i] = r.read(ctx, target, parent)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		panic(err) // whoever runs the pipeline knows what to do with a panic, and the findings carry all other errors
	}
	for _, found := range findings {
		r.result.Children = append(r.result.Children, found.children...)
		for _, err := range found.errors {
			r.fail(err)
		}
	}
	if found := len(r.result.Children); found > maxChildren {
		r.result.Children = nil
		r.fail(failure(fault.Input, "The location holds %d entities, more than the %d that one may bring", found, maxChildren))
	}
}

// read collects the entities of one target.
func (r *run) read(ctx context.Context, target entity.LocationSpec, parent string) finding {
	named, err := r.pipeline.follow(r.at, target)
	if err != nil {
		return finding{errors: []error{err}}
	}
	if err := CheckTarget(entity.LocationSpec{Type: named.Kind(), Target: named.Target()}); err != nil {
		return finding{errors: []error{err}}
	}
	files, err := r.files(ctx, named, target.Optional())
	if err != nil {
		return finding{errors: []error{err}}
	}
	var found finding
	for _, file := range files {
		location := entity.LocationSpec{Type: named.Kind(), Target: file.target}
		documents, err := entity.ParseYAML(file.body, location.String())
		if err != nil {
			found.errors = append(found.errors, asInput(err))
		}
		for _, document := range documents {
			if len(found.errors) > maxErrors {
				return found // nothing of it will be served, and no more of it told
			}
			r.collect(&found, document, location, parent)
		}
	}
	return found
}

// file is one file that a target named, without wildcards.
type file struct {
	target string
	body   []byte
}

// files reads the files that a target names. One that must be there and is not is a failure of kind NotFound.
func (r *run) files(ctx context.Context, named provenance.Place, optional bool) ([]file, error) {
	switch {
	case named.Kind() == provenance.URL:
		return r.urlFiles(ctx, named.Target(), optional)
	case r.pipeline.Files != nil:
		return r.localFiles(ctx, named, optional)
	default:
		return nil, failure(fault.Input, "No processor was able to handle reading of %s", named)
	}
}

func (r *run) urlFiles(ctx context.Context, url string, optional bool) ([]file, error) {
	found, err := r.sources.search(ctx, url)
	missing := fault.KindOf(err) == fault.NotFound
	switch {
	case missing && optional:
		return nil, nil
	case missing:
		return nil, failure(fault.NotFound, "%.*s", maxErrorText, "Unable to read url, "+describe(err))
	case err != nil:
		return nil, failure(fault.Input, "%.*s", maxErrorText, "Unable to read url, "+describe(err))
	case len(found) == 0 && !optional:
		return nil, failure(fault.NotFound, "Unable to read url, no matching files found for %s", url)
	}
	files := make([]file, len(found))
	for i, f := range found {
		files[i] = file{f.URL, f.Body}
	}
	return files, nil
}

func (r *run) localFiles(ctx context.Context, named provenance.Place, optional bool) ([]file, error) {
	r.sources.local()
	found, err := r.pipeline.Files.Glob(ctx, named)
	if err != nil {
		return nil, failure(fault.Input, "%.*s", maxErrorText, "file "+named.Target()+" could not be read, "+describe(err))
	}
	if len(found) == 0 && !optional {
		return nil, failure(fault.NotFound, "file %s does not exist", named.Target())
	}
	files := make([]file, len(found))
	for i, f := range found {
		files[i] = file{f.Path, f.Body}
	}
	return files, nil
}

// collect makes a child of a document, under the annotations that say where it was found.
func (r *run) collect(found *finding, document entity.Document, location entity.LocationSpec, parent string) {
	if document.Err != nil {
		found.errors = append(found.errors, asInput(document.Err))
		return
	}
	child := document.Entity
	if err := entity.CheckEnvelope(child); err != nil {
		found.errors = append(found.errors, err)
		return
	}
	if child.Ref().String() == parent {
		return // a Location that lists its own file is not its own child
	}
	if annotations, has := child.Metadata()["annotations"]; has {
		if _, isObject := annotations.(map[string]any); !isObject {
			found.errors = append(found.errors, failure(fault.Input, "metadata.annotations of %s at %s must be an object", child.Ref(), location))
			return
		}
	}
	emitted, err := emit(child, document.Source, location, r.origin)
	if err != nil {
		found.errors = append(found.errors, err)
		return
	}
	found.children = append(found.children, emitted)
}

// asInput names a file's errors as Backstage's parser does.
func asInput(err error) error { return failure(fault.Input, "%s", asError(err).Message) }

// Tree processes a document and everything below it in memory and returns the entities in the order they were found.
// Errors are joined into one fault of kind Input.
func (p *Pipeline) Tree(ctx context.Context, root Emitted) ([]json.RawMessage, error) {
	var entities []json.RawMessage
	seen := map[string]bool{}
	for queue := []Emitted{root}; len(queue) > 0; queue = queue[1:] {
		next := queue[0]
		if seen[next.Ref] {
			return nil, fault.New(fault.Input, "Duplicate nested entity: %s", next.Ref)
		}
		seen[next.Ref] = true
		result := p.Process(ctx, next)
		if len(result.Errors) > 0 {
			return nil, fault.New(fault.Input, "%s", joinErrors(result.Errors))
		}
		entities = append(entities, result.Document)
		queue = append(queue, result.Children...)
	}
	return entities, nil
}

func joinErrors(failures []*entity.Error) string {
	texts := make([]string, len(failures))
	for i, failure := range failures {
		texts[i] = describe(failure)
	}
	return strings.Join(texts, ", ")
}
