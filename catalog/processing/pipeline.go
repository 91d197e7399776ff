package processing

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/provenance"
)

// Pipeline turns one document into an entity. It keeps no state between documents.
type Pipeline struct {
	Reader Reader
	// Files reads the files of configured locations of type file. Nil refuses them.
	Files Files
	// Stored has the files that sweeps of sources have brought. Nil has none.
	Stored StoredFiles
	// Model says what entities are valid, and what they are related to. Nil knows the built-in kinds.
	Model *entity.Model
	// Rules decide which kinds a location may emit.
	Rules entity.Rules
	// LocationTypes are the target types that a Location of another type may have.
	LocationTypes []string
	// Linter adds remarks to an entity. The zero value adds none.
	Linter Linter
}

// model is the pipeline's model. An engine that only stitches has no pipeline.
func (p *Pipeline) model() *entity.Model {
	if p == nil {
		return nil
	}
	return p.Model
}

// Emitted is a document that is to be processed. Only Emit, or the catalog's own record of an earlier one,
// creates it.
type Emitted struct {
	// Ref is the entity's reference in lower case.
	Ref string
	// LocationKey is the location that claims the reference: type:target of the file from which the entity
	// was read. Permissions to read further files depend on it, and never on what the author wrote.
	LocationKey string
	// Document is the entity with the author's order of keys.
	Document json.RawMessage
	// Line is the line of its file on which the document begins; 0 without a file.
	Line int
	// refused means that the rules do not allow its kind from its location.
	refused bool
	// askedBy is on whose behalf its place was read, in the form of Cause; "" for the schedule.
	askedBy string
	// processed is its result, when it was processed where it was found; nil otherwise.
	processed *processed
}

// processed is the result of an entity that depends on nothing but its own document.
type processed struct {
	result Result
	hash   string
}

// Hash identifies the document.
func (e Emitted) Hash() string { return e.hash() }

func (e Emitted) hash() string { return hashOf(e.Document) }

// Result is the result of processing a document.
type Result struct {
	Entity entity.Entity
	// Document is Entity with the author's order of keys.
	Document  json.RawMessage
	Children  []Emitted
	Relations []entity.Relation
	// Remarks are findings that do not keep the entity from being served.
	Remarks []Remark
	// Errors are all errors of the document and of its targets.
	Errors []*entity.Error
	// Failed means that the document itself is invalid: the other fields are partial and must not be served.
	// Otherwise the errors are about targets of the document, and the children hold what could be read.
	Failed bool
	// Unread are the places that could not be read completely. Children that came from there before may still
	// exist.
	Unread []place
	// ReadOutside means that the result depends on more than the document: it must be processed again even if
	// the document does not change.
	ReadOutside bool
	// Readings are the input of ProcessAgain. They are nil when the result has errors or depends on something
	// that has no etag.
	Readings json.RawMessage
	// Unchanged means that the last result is still valid. All other fields are empty.
	Unchanged bool
	// location is the location of the document, type:target.
	location string
	// reads are the URLs that were read, or that could not be.
	reads []string
}

// place is a file, by its location reference, or every file whose reference has this prefix.
type place struct {
	Key    string `json:"key"`
	Prefix bool   `json:"prefix,omitempty"`
}

func (p place) covers(key string) bool {
	return p.Key == key || p.Prefix && strings.HasPrefix(key, p.Key)
}

// hash identifies the result: a result with the same hash need not be written.
func (r Result) hash() (string, error) {
	children := make([][3]string, len(r.Children))
	for i, child := range r.Children {
		children[i] = [3]string{child.Ref, child.LocationKey, child.hash()}
	}
	data, err := json.Marshal([]any{r.Errors, r.Failed, r.Unread, r.Document, children, r.Relations, r.Remarks})
	if err != nil {
		return "", fmt.Errorf("encode a result: %w", err)
	}
	return hashOf(data), nil
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Emit prepares an entity that a source emits for a location. The location claims the entity, and is the
// origin of everything below it.
func Emit(e entity.Entity, like json.RawMessage, location entity.LocationSpec) (Emitted, error) {
	var order entity.Order
	if len(like) > 0 {
		var err error
		if _, order, err = entity.Decode(like); err != nil {
			return Emitted{}, fmt.Errorf("decode entity %s: %w", e.Ref(), err)
		}
	}
	return emit(e, order, location, location)
}

// emit writes the annotations for location and origin. It overwrites what the author wrote there; nothing
// else writes them.
func emit(e entity.Entity, order entity.Order, location, origin entity.LocationSpec) (Emitted, error) {
	e.SetAnnotation(entity.AnnotationLocation, location.String())
	e.SetAnnotation(entity.AnnotationOriginLocation, origin.String())
	document, err := order.Marshal(e)
	if err != nil {
		return Emitted{}, fmt.Errorf("encode entity %s: %w", e.Ref(), err)
	}
	return Emitted{Ref: e.Ref().String(), LocationKey: location.String(), Document: document}, nil
}

// Process runs a document through the steps of Backstage's pipeline. The result holds all errors.
func (p *Pipeline) Process(ctx context.Context, emitted Emitted) Result {
	return p.ProcessAgain(ctx, emitted, nil)
}

// ProcessAgain is Process for a document that was processed before. It returns Unchanged when neither the
// earlier readings nor anything else that the result depends on has changed.
func (p *Pipeline) ProcessAgain(ctx context.Context, emitted Emitted, readings json.RawMessage) Result {
	return p.run(ctx, &run{pipeline: p}, emitted, readings)
}

func (p *Pipeline) run(ctx context.Context, run *run, emitted Emitted, readings json.RawMessage) Result {
	run.at = provenance.Recorded(emitted.LocationKey)
	if err := run.process(ctx, emitted.Document, readings); err != nil {
		run.fail(err)
		run.result.Failed = true
	}
	if run.sources != nil && !run.result.Unchanged {
		run.result.reads = run.reads()
	}
	run.result.location = emitted.LocationKey
	return run.result
}

// processNew is Process for a document whose children the catalog has probably not seen yet. Each of them is processed
// where it is found, unless that takes more than its own document. It is then stored with its result, instead of being
// stored, claimed, read and stored again.
func (p *Pipeline) processNew(ctx context.Context, emitted Emitted) Result {
	return p.run(ctx, &run{pipeline: p, withChildren: true}, emitted, nil)
}

// processClosed processes a document that is found, whose decoded form it changes; nil when it is not valid or needs more
// than itself, or when there is no time. It is then processed like any other, which also tells what is wrong.
func (p *Pipeline) processClosed(ctx context.Context, emitted Emitted, decoded entity.Entity, order entity.Order) (made *processed) {
	if deadline, has := ctx.Deadline(); decoded.Kind() == "Location" || has && time.Until(deadline) < entityTimeout/2 {
		return nil
	}
	defer func() {
		if recover() != nil {
			made = nil
		}
	}()
	result := p.run(ctx, &run{pipeline: p, isClosed: true, entity: decoded, order: order.Complete(decoded)}, emitted, nil)
	if result.Failed || result.ReadOutside || len(result.Errors) > 0 {
		return nil
	}
	result.Entity = nil // its document says it all, and there may be thousands
	hash, err := result.hash()
	if err != nil {
		return nil
	}
	return &processed{result, hash}
}

var errNotClosed = errors.New("the document refers to another file")

// run is the processing of one document.
type run struct {
	pipeline *Pipeline
	sources  *sources
	// at is the location of the document, origin the location at the root of its ancestors.
	at     provenance.Place
	origin entity.LocationSpec
	// entity is the document, nil until it is decoded.
	entity entity.Entity
	// stored is the file at which the document is, when a sweep has brought it; nil when the host has to be asked.
	stored *StoredFile
	// order is the order of keys in the document.
	order  entity.Order
	result Result
	// withChildren has the children processed too, and isClosed keeps the document from reading files.
	withChildren, isClosed bool
}

// reads are the URLs that were read, or that could not be, also where a sweep had brought the file.
func (r *run) reads() []string {
	urls := r.sources.urls()
	if r.stored != nil {
		urls = append(urls, r.stored.URL)
	}
	return urls
}

// maxErrors bounds the errors that are reported for one document.
const maxErrors = 100

func (r *run) fail(err error) {
	switch told := len(r.result.Errors); {
	case told < maxErrors:
		r.result.Errors = append(r.result.Errors, asError(err))
	case told == maxErrors:
		r.result.Errors = append(r.result.Errors, failure(fault.Input, "There are more errors than these %d", maxErrors))
	}
}

func (r *run) process(ctx context.Context, document, readings json.RawMessage) (err error) {
	if r.entity == nil {
		if r.entity, r.order, err = entity.Decode(document); err != nil {
			return fmt.Errorf("decode the document: %w", err)
		}
	}
	ref := r.entity.Ref().String()
	if err := r.locate(); err != nil {
		return err
	}
	if err := r.findStored(ctx); err != nil {
		return err
	}
	r.sources = newSources(r.pipeline.Reader, r.pipeline.Files)
	basis := sync.OnceValues(func() (string, error) { return r.basis(document) }) // most documents read nothing
	if unchanged, err := r.sources.unchanged(ctx, readings, basis); err != nil {
		return err
	} else if unchanged {
		r.result = Result{Unchanged: true, ReadOutside: true}
		return nil
	}
	if err := entity.ResolvePlaceholders(ctx, r.entity, r.placeholder); err != nil {
		return err
	}
	entity.SortLists(r.entity)
	r.annotate()
	if err := r.pipeline.Model.Validate(r.entity); err != nil {
		return err
	}
	if r.entity.Ref().String() != ref {
		return failure(fault.Input, "Fatal: The entity kind, namespace, or name changed during processing")
	}
	if r.entity.Kind() == "Location" {
		r.expand(ctx, ref)
	}
	relations, err := r.pipeline.Model.Relations(r.entity)
	if err != nil {
		return err
	}
	r.enforceRules()
	r.dropRepeated()
	r.result.Relations = relations
	if err := r.finish(ctx); err != nil || len(r.result.Errors) > 0 {
		return err
	}
	r.result.Readings, err = r.sources.readings(basis)
	return err
}

// pipelineVersion is increased when the pipeline produces another result for the same input.
const pipelineVersion = 4

// basis is a hash of everything that a result depends on, except the files that are read: the document, the
// configuration and the version of the pipeline.
func (r *run) basis(document json.RawMessage) (string, error) {
	parts := []any{pipelineVersion, document, r.pipeline.Rules, r.pipeline.LocationTypes, r.pipeline.Model.Version(), r.pipeline.Linter.Version, r.links()}
	if r.stored != nil {
		parts = append(parts, r.stored.ETag) // the host was asked before, and is not asked again
	}
	data, err := json.Marshal(parts)
	if err != nil {
		return "", fmt.Errorf("encode what a result depends on: %w", err)
	}
	return hashOf(data), nil
}

// locate checks that Emit wrote the document, and reads its origin.
func (r *run) locate() error {
	if location := r.entity.Annotation(entity.AnnotationLocation); location != r.at.String() {
		return failure(fault.Input, "Entity '%s' does not come from %s, as its annotation %s says", r.entity.Ref(), location, entity.AnnotationLocation)
	}
	origin, err := entity.ParseLocationRef(r.entity.Annotation(entity.AnnotationOriginLocation))
	r.origin = origin
	return err
}

// annotate writes the links to view and edit the entity, unless the author wrote some. It also writes the
// location annotations again, because a placeholder may have overwritten them.
func (r *run) annotate() {
	r.entity.SetAnnotation(entity.AnnotationLocation, r.at.String())
	r.entity.SetAnnotation(entity.AnnotationOriginLocation, r.origin.String())
	for annotation, link := range r.links() {
		if r.entity.Annotation(annotation) == "" {
			r.entity.SetAnnotation(annotation, link)
		}
	}
	entity.RejectScriptURLs(r.entity)
}

// links are the annotations that link to the file of the entity. They depend on the integration of its host.
func (r *run) links() map[string]string {
	if r.at.Kind() != provenance.URL {
		return nil
	}
	links := map[string]string{entity.AnnotationViewURL: r.at.Target()}
	if edit, known := r.pipeline.Reader.EditURL(r.at.Target()); known {
		links[entity.AnnotationEditURL] = edit
	}
	if _, known := r.pipeline.Reader.ByURL(r.at.Target()); known {
		if directory, err := r.pipeline.Reader.ResolveURL(r.at.Target(), "./"); err == nil {
			links[entity.AnnotationSourceLocation] = "url:" + directory
		}
	}
	return links
}

// placeholder reads the file that a placeholder names.
func (r *run) placeholder(ctx context.Context, key, value string) (any, error) {
	r.result.ReadOutside = true
	if r.isClosed {
		return nil, errNotClosed
	}
	target, err := r.placeholderURL(key, value)
	if err != nil {
		return nil, err
	}
	content, err := r.sources.file(ctx, target)
	if err != nil {
		return nil, fmt.Errorf("Placeholder $%s could not read location %s, %s", //nolint:staticcheck // Backstage's wording
			key, value, describe(err))
	}
	return entity.DecodePlaceholder(key, target, content)
}

func (r *run) placeholderURL(key, value string) (string, error) {
	target := value
	if parsed, err := url.Parse(value); err != nil || !parsed.IsAbs() {
		resolved, err := r.pipeline.Reader.ResolveURL(r.at.Target(), value)
		if err != nil || r.at.Kind() != provenance.URL {
			return "", fmt.Errorf("Placeholder $%s could not form a URL out of %s and %s", //nolint:staticcheck // Backstage's wording
				key, r.at.Target(), value)
		}
		target = resolved
	}
	if !r.pipeline.Reader.SameRepository(r.at.Target(), target) {
		return "", errors.New("Placeholder may only reference files from the same repository as the entity") //nolint:staticcheck // Backstage's wording
	}
	return target, nil
}

// maxTarget bounds a target, in bytes, because an index contains it beside a reference.
const maxTarget = 1400

// CheckTarget refuses a location that is too long to be stored.
func CheckTarget(location entity.LocationSpec) error {
	if len(location.Target) > maxTarget || strings.ContainsRune(location.String(), 0) {
		return failure(fault.Input, "Location %.100q is longer than %d bytes, or holds a NUL character", location.String(), maxTarget)
	}
	return nil
}

// enforceRules drops children of kinds that are not allowed from this location. Their siblings stay.
func (r *run) enforceRules() {
	r.result.Children = slices.DeleteFunc(r.result.Children, func(child Emitted) bool {
		if !child.refused {
			return false
		}
		refused := failure(fault.NotAllowed, "Entity %s at %s, originated at %s, is not of an allowed kind for that location",
			child.Ref, child.LocationKey, r.origin)
		refused.Location, refused.Line = child.LocationKey, child.Line
		r.fail(refused)
		return true
	})
}

// dropRepeated drops an entity that the same file has described before.
func (r *run) dropRepeated() {
	type id struct{ ref, file string }
	first := make(map[id]Emitted, len(r.result.Children))
	r.result.Children = slices.DeleteFunc(r.result.Children, func(child Emitted) bool {
		key := id{child.Ref, child.LocationKey}
		earlier, again := first[key]
		if !again {
			first[key] = child
			return false
		}
		if !bytes.Equal(earlier.Document, child.Document) {
			repeated := failure(fault.Input, "Entity %s is described again %s, after line %d; the first counts", child.Ref,
				position(child.LocationKey, child.Line), earlier.Line)
			repeated.Location, repeated.Line = child.LocationKey, child.Line
			r.fail(repeated)
		}
		return true
	})
}

// follow resolves a target of a Location entity that was read at own.
func (p *Pipeline) follow(own provenance.Place, target entity.LocationSpec) (provenance.Place, error) {
	switch {
	case target.Type != own.Kind() && !slices.Contains(p.LocationTypes, target.Type):
		return provenance.Place{}, failure(fault.NotAllowed, "Location %s may not point at %s: the type is not one of %q", own, target, p.LocationTypes)
	case target.Type == provenance.File && strings.HasSuffix(target.Target, "/"):
		return provenance.Place{}, failure(fault.Input,
			"LocationEntityProcessor cannot handle %s type location with target %s that ends with a path separator", target.Type, own.Target())
	case target.Type != provenance.URL && target.Type != provenance.File:
		return provenance.Place{}, failure(fault.Input, "No processor was able to handle reading of %s", target)
	default:
		return own.Follow(target.Type, target.Target, p.Reader.ResolveURL)
	}
}
