package processing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
)

// Pipeline makes one document into an entity. It keeps nothing between documents.
type Pipeline struct {
	Reader Reader
	// Files reads what configured locations of type file name. Nil refuses them.
	Files Files
	// Rules say which kinds may come from which location.
	Rules entity.Rules
	// LocationTypes are the types of location that a Location of another type may point at.
	LocationTypes []string
}

// Emitted is a document on its way into the catalog.
type Emitted struct {
	// Ref is the entity's reference in lower case.
	Ref string
	// LocationKey is the place that claims the reference: type:target of the file it was read from.
	LocationKey string
	// Document is the entity with the author's order of keys.
	Document json.RawMessage
}

func (e Emitted) hash() string { return hashOf(e.Document) }

// Result is what the pipeline made of a document. With Errors, the rest says how far it came and must not be served.
type Result struct {
	Entity entity.Entity
	// Document is Entity with the author's order of keys.
	Document  json.RawMessage
	Children  []Emitted
	Relations []entity.Relation
	Errors    []*entity.Error
	// ReadOutside says that the result depends on more than the document: it must be looked at again even if nothing
	// here changes.
	ReadOutside bool
	// Readings are for ProcessAgain; nil when the result has errors or something that it depends on can only be read again.
	Readings json.RawMessage
	// Unchanged says that the last result still holds; there is nothing else in this one.
	Unchanged bool
}

// hash identifies the result: the same again means that there is nothing to write.
func (r Result) hash() (string, error) {
	children := make([][3]string, len(r.Children))
	for i, child := range r.Children {
		children[i] = [3]string{child.Ref, child.LocationKey, child.hash()}
	}
	data, err := json.Marshal([]any{r.Errors, r.Document, children, r.Relations})
	if err != nil {
		return "", fmt.Errorf("encode a result: %w", err)
	}
	return hashOf(data), nil
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Emit prepares an entity that a source brings: its own location claims it.
func Emit(e entity.Entity, like json.RawMessage, location entity.LocationSpec) (Emitted, error) {
	document, err := entity.Marshal(e, like)
	if err != nil {
		return Emitted{}, fmt.Errorf("encode entity %s: %w", e.Ref(), err)
	}
	return Emitted{Ref: e.Ref().String(), LocationKey: location.String(), Document: document}, nil
}

// Process runs a document through the steps of Backstage's pipeline. Whatever is wrong with it is among the result's
// errors.
func (p *Pipeline) Process(ctx context.Context, document json.RawMessage) Result {
	return p.ProcessAgain(ctx, document, nil)
}

// ProcessAgain is Process for a document that was processed before, with what was read then: when none of that has
// changed, nor anything else that the result depends on, it is Unchanged.
func (p *Pipeline) ProcessAgain(ctx context.Context, document, readings json.RawMessage) Result {
	run := &run{pipeline: p}
	if err := run.process(ctx, document, readings); err != nil {
		run.fail(err)
	}
	return run.result
}

// run is one document's way through the pipeline.
type run struct {
	pipeline         *Pipeline
	sources          *sources
	entity           entity.Entity
	location, origin entity.LocationSpec
	result           Result
}

// maxErrors bounds the errors that are told of one document.
const maxErrors = 100

func (r *run) fail(err error) {
	switch told := len(r.result.Errors); {
	case told < maxErrors:
		r.result.Errors = append(r.result.Errors, asError(err))
	case told == maxErrors:
		r.result.Errors = append(r.result.Errors, failure(fault.Input, "There are more errors than these %d", maxErrors))
	}
}

func (r *run) process(ctx context.Context, document, readings json.RawMessage) error {
	if err := json.Unmarshal(document, &r.entity); err != nil {
		return fmt.Errorf("decode the document: %w", err)
	}
	ref := r.entity.Ref().String()
	if err := r.locate(); err != nil {
		return err
	}
	basis, err := r.basis(document)
	if err != nil {
		return err
	}
	r.sources = newSources(r.pipeline.Reader, basis)
	if r.sources.unchanged(ctx, readings) {
		r.result = Result{Unchanged: true, ReadOutside: true}
		return nil
	}
	if err := entity.ResolvePlaceholders(ctx, r.entity, r.placeholder); err != nil {
		return err
	}
	entity.SortLists(r.entity)
	r.annotate()
	if err := entity.Validate(r.entity); err != nil {
		return err
	}
	if r.entity.Ref().String() != ref {
		return failure(fault.Input, "Fatal: The entity kind, namespace, or name changed during processing")
	}
	if r.entity.Kind() == "Location" {
		r.expand(ctx, ref)
	}
	relations, err := entity.Relations(r.entity)
	if err != nil {
		return err
	}
	r.enforceRules()
	r.result.Entity, r.result.Relations = r.entity, relations
	if r.result.Document, err = entity.Marshal(r.entity, document); err != nil || len(r.result.Errors) > 0 {
		return err
	}
	r.result.Readings, err = r.sources.readings()
	return err
}

// pipelineVersion is raised when the same document and files make something else than before.
const pipelineVersion = 1

// basis is a hash of all that a result depends on beside what is read elsewhere: the document, the configuration, this
// code.
func (r *run) basis(document json.RawMessage) (string, error) {
	data, err := json.Marshal([]any{pipelineVersion, document, r.pipeline.Rules, r.pipeline.LocationTypes, r.links()})
	if err != nil {
		return "", fmt.Errorf("encode what a result depends on: %w", err)
	}
	return hashOf(data), nil
}

// locate reads where the entity comes from out of its annotations.
func (r *run) locate() error {
	for annotation, location := range map[string]*entity.LocationSpec{
		entity.AnnotationLocation: &r.location, entity.AnnotationOriginLocation: &r.origin,
	} {
		value := r.entity.Annotation(annotation)
		if value == "" {
			return failure(fault.Input, "Entity '%s' does not have the annotation %s", r.entity.Ref(), annotation)
		}
		parsed, err := entity.ParseLocationRef(value)
		if err != nil {
			return err
		}
		*location = parsed
	}
	return nil
}

// annotate says where people see and edit the entity. What its author wrote stays.
func (r *run) annotate() {
	for annotation, link := range r.links() {
		if r.entity.Annotation(annotation) == "" {
			r.entity.SetAnnotation(annotation, link)
		}
	}
	entity.RejectScriptURLs(r.entity)
}

// links are the annotations that lead people to the file that the entity is in. They depend on the integration of its
// host.
func (r *run) links() map[string]string {
	if r.location.Type != "url" {
		return nil
	}
	links := map[string]string{entity.AnnotationViewURL: r.location.Target}
	if edit, known := r.pipeline.Reader.EditURL(r.location.Target); known {
		links[entity.AnnotationEditURL] = edit
	}
	if _, known := r.pipeline.Reader.ByURL(r.location.Target); known {
		if directory, err := r.pipeline.Reader.ResolveURL(r.location.Target, "./"); err == nil {
			links[entity.AnnotationSourceLocation] = "url:" + directory
		}
	}
	return links
}

// placeholder reads what a placeholder names.
func (r *run) placeholder(ctx context.Context, key, value string) (any, error) {
	r.result.ReadOutside = true
	target, err := r.placeholderURL(key, value)
	if err != nil {
		return nil, err
	}
	content, err := r.sources.file(ctx, target)
	if err != nil {
		return nil, fmt.Errorf("Placeholder $%s could not read location %s, %s", //nolint:staticcheck // Backstage's wording
			key, target, describe(err))
	}
	return entity.DecodePlaceholder(key, target, content)
}

func (r *run) placeholderURL(key, value string) (string, error) {
	target := value
	if parsed, err := url.Parse(value); err != nil || !parsed.IsAbs() {
		resolved, err := r.pipeline.Reader.ResolveURL(r.location.Target, value)
		if err != nil || r.location.Type != "url" {
			return "", fmt.Errorf("Placeholder $%s could not form a URL out of %s and %s", //nolint:staticcheck // Backstage's wording
				key, r.location.Target, value)
		}
		target = resolved
	}
	if !r.pipeline.Reader.SameRepository(r.location.Target, target) {
		return "", errors.New("Placeholder may only reference files from the same repository as the entity") //nolint:staticcheck // Backstage's wording
	}
	return target, nil
}

// maxTarget bounds, in bytes, a target: it is written under an index, beside a reference.
const maxTarget = 1400

// CheckTarget refuses locations that cannot be stored.
func CheckTarget(location entity.LocationSpec) error {
	if len(location.Target) > maxTarget || strings.ContainsRune(location.String(), 0) {
		return failure(fault.Input, "Location %.100q is longer than %d bytes, or holds a NUL character", location.String(), maxTarget)
	}
	return nil
}

// enforceRules refuses children of kinds that may not come from here.
func (r *run) enforceRules() {
	for _, child := range r.result.Children {
		var e entity.Entity
		if err := json.Unmarshal(child.Document, &e); err != nil {
			r.fail(fmt.Errorf("decode child %s: %w", child.Ref, err))
			continue
		}
		if !r.pipeline.Rules.Allowed(e, r.origin) {
			r.fail(failure(fault.NotAllowed, "Entity %s at %s, originated at %s, is not of an allowed kind for that location",
				child.Ref, child.LocationKey, r.origin))
		}
	}
}

// absoluteTarget resolves a target that a Location entity read from own points at.
func (p *Pipeline) absoluteTarget(target, own entity.LocationSpec) (string, error) {
	switch {
	case target.Type != own.Type && !slices.Contains(p.LocationTypes, target.Type):
		return "", failure(fault.NotAllowed, "Location %s may not point at %s: the type is not one of %q", own, target, p.LocationTypes)
	case target.Type == "file" && strings.HasSuffix(target.Target, string(filepath.Separator)):
		return "", failure(fault.Input,
			"LocationEntityProcessor cannot handle %s type location with target %s that ends with a path separator", target.Type, own.Target)
	case target.Type != own.Type:
		return target.Target, nil
	case target.Type == "file" && strings.HasPrefix(target.Target, "."):
		return filepath.Join(filepath.Dir(own.Target), target.Target), nil
	case target.Type == "url":
		return p.Reader.ResolveURL(own.Target, target.Target)
	default:
		return target.Target, nil
	}
}
