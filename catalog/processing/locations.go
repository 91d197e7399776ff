package processing

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/provenance"
)

const (
	// maxReads is the number of targets of one Location that are read at once.
	maxReads = 8
	// maxChildren bounds the entities that one Location may emit.
	maxChildren = 20_000
)

// finding is the result of reading one target of a Location.
type finding struct {
	children []Emitted
	errors   []error
	unread   []place
}

// addError adds an error, up to a bound.
func (f *finding) addError(err error) {
	if len(f.errors) <= maxErrors {
		f.errors = append(f.errors, err)
	}
}

// nothing is the finding of a target that could not be read.
func nothing(target entity.LocationSpec, err error) finding {
	return finding{errors: []error{asErrorAt(err, target)}, unread: []place{below(target)}}
}

// below returns the part of the host that a target covers: one file or, with wildcards, everything below the
// directory before the first wildcard.
func below(target entity.LocationSpec) place {
	key := target.String()
	if wild := strings.IndexAny(key, "*?[{"); wild >= 0 {
		return place{Key: key[:strings.LastIndexByte(key[:wild], '/')+1], Prefix: true}
	}
	return place{Key: key}
}

// expand reads the targets of a Location and adds the entities found there as children, in the order of the
// targets.
func (r *run) expand(ctx context.Context, parent string) {
	targets := entity.LocationTargets(r.entity, r.at.Kind())
	findings := make([]finding, len(targets))
	group := errgroup.Group{}
	group.SetLimit(maxReads)
	for i, target := range targets {
		if !r.isStored(target.Type, target.Target) {
			r.result.ReadOutside = true
		}
		group.Go(func() (err error) {
			defer fault.Recover(&err)
			findings[i] = r.read(ctx, target, parent)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		panic(err) // the caller of the pipeline recovers; all other errors are in the findings
	}
	for _, found := range findings {
		r.result.Children = append(r.result.Children, found.children...)
		r.result.Unread = append(r.result.Unread, found.unread...)
		for _, err := range found.errors {
			r.fail(err)
		}
	}
	if found := len(r.result.Children); found > maxChildren {
		r.result.Children, r.result.Unread = nil, []place{{Prefix: true}}
		r.fail(failure(fault.Input, "The location holds %d entities, more than the %d that one may bring", found, maxChildren))
	}
}

// read collects the entities of one target.
func (r *run) read(ctx context.Context, target entity.LocationSpec, parent string) finding {
	named, err := r.pipeline.follow(r.at, target)
	switch {
	case err != nil && asError(err).Name == string(fault.NotAllowed):
		return finding{errors: []error{asErrorAt(err, target)}} // the children that came from there are dropped
	case err != nil:
		return finding{errors: []error{asErrorAt(err, target)}, unread: []place{{Prefix: true}}} // the target may be anywhere
	}
	absolute := entity.LocationSpec{Type: named.Kind(), Target: named.Target()}
	if err := CheckTarget(absolute); err != nil {
		return nothing(absolute, err)
	}
	files, err := r.files(ctx, named, target)
	if err != nil {
		return nothing(absolute, err)
	}
	var found finding
	for _, file := range files {
		r.readFile(ctx, &found, file.body, entity.LocationSpec{Type: named.Kind(), Target: file.target}, parent)
	}
	return found
}

// readFile collects the entities of one file. An error in one document does not affect the others.
func (r *run) readFile(ctx context.Context, found *finding, body []byte, location entity.LocationSpec, parent string) {
	documents, err := entity.ParseYAML(body, location.String())
	if err != nil {
		documents = append(documents, entity.Document{Err: err})
	}
	isWhole := true
	for _, document := range documents {
		child, err := r.child(ctx, document, location, parent)
		if err != nil {
			found.addError(inFile(err, location, document.Line))
			isWhole = false
		} else if child != nil {
			found.children = append(found.children, *child)
		}
	}
	if !isWhole {
		found.unread = append(found.unread, place{Key: location.String()})
	}
}

// file is one file that a target names, after wildcards were expanded.
type file struct {
	target string
	body   []byte
}

// files reads the files that a target names, which is written in the Location. A missing file that is required is a
// failure of kind NotFound. Whether it is stored is known by the target as written: a host may have another URL for it.
func (r *run) files(ctx context.Context, named provenance.Place, target entity.LocationSpec) ([]file, error) {
	switch {
	case r.isStored(target.Type, target.Target):
		return []file{{named.Target(), r.stored.Body}}, nil
	case named.Kind() == provenance.URL:
		return r.urlFiles(ctx, named.Target(), target.Optional())
	default:
		return r.localFiles(ctx, named, target.Optional())
	}
}

func (r *run) urlFiles(ctx context.Context, url string, optional bool) ([]file, error) {
	found, err := r.sources.search(ctx, url)
	missing := fault.KindOf(err) == fault.NotFound
	switch {
	case missing && optional:
		return nil, nil
	case missing:
		return nil, failure(fault.NotFound, "%.*s", maxErrorText, "Unable to read url, "+err.Error())
	case err != nil:
		return nil, &entity.Error{Name: "Error", Message: fmt.Sprintf("%.*s", maxErrorText, "Unable to read url, "+err.Error())} // as in Backstage
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
	if r.pipeline.Files == nil {
		return nil, failure(fault.Input, "No processor was able to handle reading of %s", named)
	}
	found, err := r.sources.localFiles(ctx, named.Target())
	if err != nil {
		return nil, failure(fault.Input, "%.*s", maxErrorText, "file "+named.Target()+" could not be read, "+describe(err))
	}
	if len(found) == 0 && !optional {
		return nil, failure(fault.NotFound, "file %s does not exist", named.Target())
	}
	files := make([]file, len(found))
	for i, f := range found {
		files[i] = file{f.URL, f.Body}
	}
	return files, nil
}

// child emits a document with the annotations of the place where it was found. It returns nil for a Location
// that lists its own file.
func (r *run) child(ctx context.Context, document entity.Document, location entity.LocationSpec, parent string) (*Emitted, error) {
	if document.Err != nil {
		return nil, asInput(document.Err)
	}
	child := document.Entity
	if err := entity.CheckEnvelope(child); err != nil {
		return nil, err
	}
	if child.Ref().String() == parent {
		return nil, nil
	}
	if annotations, has := child.Metadata()["annotations"]; has {
		if _, isObject := annotations.(map[string]any); !isObject {
			return nil, failure(fault.Input, "metadata.annotations of %s at %s must be an object", child.Ref(), location)
		}
	}
	emitted, err := emit(child, document.Order, location, r.origin)
	emitted.Line, emitted.refused = document.Line, !r.pipeline.Rules.Allowed(child, r.origin)
	if err == nil && r.withChildren && !emitted.refused {
		emitted.processed = r.pipeline.processClosed(ctx, emitted, child, document.Order)
	}
	return &emitted, err
}

// asInput gives a file's errors the name that Backstage's parser gives them.
func asInput(err error) error { return failure(fault.Input, "%s", asError(err).Message) }

// Tree processes a document and everything below it in memory, and returns the entities in the order in which
// they were found. Errors are joined into one fault of kind Input.
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
		shown, err := result.remarked()
		if err != nil {
			return nil, err
		}
		entities = append(entities, shown)
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
