package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// ValidateEntity runs an entity through processing as if it had been read from a location, a url: reference, and stores nothing. The list
// is what is wrong with it, empty when nothing is.
func (s *Service) ValidateEntity(ctx context.Context, principal identity.Principal, document json.RawMessage, location string) ([]*entity.Error, error) {
	if err := s.authorize(ctx, principal, policy.CatalogEntityValidate, ""); err != nil {
		return nil, err
	}
	var e entity.Entity
	if err := json.Unmarshal(document, &e); err != nil {
		return nil, fault.Wrap(fault.Input, err, "the entity is not an object: %s", err.Error())
	}
	if err := checkValidation(e, location); err != nil {
		if known, is := errors.AsType[*entity.Error](err); is {
			return []*entity.Error{known}, nil
		}
		return nil, err
	}
	for _, annotation := range []string{entity.AnnotationLocation, entity.AnnotationOriginLocation} {
		if e.Annotation(annotation) == "" {
			e.SetAnnotation(annotation, location)
		}
	}
	annotated, err := entity.Marshal(e, document)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	return s.options.Pipeline.Process(ctx, annotated).Errors, nil
}

// checkValidation checks what must be right before an entity can be processed at all. What is wrong is an *entity.Error.
func checkValidation(e entity.Entity, location string) error {
	if err := entity.CheckEnvelope(e); err != nil {
		return err
	}
	spec, err := entity.ParseLocationRef(location)
	if err != nil {
		return err
	}
	if spec.Type != "url" {
		return &entity.Error{Name: "TypeError",
			Message: "Invalid location ref " + location + ", only 'url:<target>' is supported, e.g. url:https://host/path"}
	}
	return nil
}

// Analysis is what a person could register from a location.
type Analysis struct {
	// ExistingEntityFiles is empty: nothing here searches a host for files that describe entities already.
	ExistingEntityFiles []json.RawMessage `json:"existingEntityFiles"`
	GenerateEntities    []GeneratedEntity `json:"generateEntities"`
}

// GeneratedEntity is a draft, with the fields that a person should look at.
type GeneratedEntity struct {
	Entity entity.Entity `json:"entity"`
	Fields []string      `json:"fields"`
}

// slugAnnotations name a repository for the plugins of its host.
var slugAnnotations = map[string]string{
	"github": "github.com/project-slug", "gitlab": "gitlab.com/project-slug",
	"bitbucketCloud": "bitbucket.org/project-slug", "azure": "dev.azure.com/project-slug",
}

// AnalyzeLocation drafts a Component for the repository at a URL.
func (s *Service) AnalyzeLocation(ctx context.Context, principal identity.Principal, spec entity.LocationSpec) (Analysis, error) {
	if err := s.authorize(ctx, principal, policy.CatalogLocationAnalyze, ""); err != nil {
		return Analysis{}, err
	}
	target, err := url.Parse(spec.Target)
	if err != nil || !target.IsAbs() || target.Host == "" {
		return Analysis{}, fault.New(fault.Input, "The given location.target is not a URL")
	}
	owner, name := repositoryOf(target)
	metadata := map[string]any{"name": name}
	integration, _ := s.options.Pipeline.Reader.ByURL(spec.Target)
	if annotation, known := slugAnnotations[integration.Type]; known && owner != "" {
		metadata["annotations"] = map[string]any{annotation: owner + "/" + name}
	}
	draft := entity.Entity{
		"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": metadata,
		"spec": map[string]any{"type": "other", "lifecycle": "unknown"},
	}
	return Analysis{
		ExistingEntityFiles: []json.RawMessage{},
		GenerateEntities:    []GeneratedEntity{{Entity: draft, Fields: []string{}}},
	}, nil
}

// repositoryOf takes the owner and the name of a repository out of a URL of it, or of something in it.
func repositoryOf(target *url.URL) (owner, name string) {
	steps := strings.Split(strings.Trim(target.Path, "/"), "/")
	for i, step := range steps {
		if i > 1 && (step == "-" || step == "blob" || step == "tree" || step == "edit" || step == "src") {
			steps = steps[:i]
			break
		}
	}
	last := len(steps) - 1
	return strings.Join(steps[:last], "/"), strings.TrimSuffix(steps[last], ".git")
}
