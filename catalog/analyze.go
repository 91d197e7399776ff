package catalog

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// Analysis is the answer to a request to analyze a location: the entities that could be registered from it.
type Analysis struct {
	// ExistingEntityFiles is always empty: Portico does not search a host for existing catalog files.
	ExistingEntityFiles []json.RawMessage `json:"existingEntityFiles"`
	GenerateEntities    []GeneratedEntity `json:"generateEntities"`
}

// GeneratedEntity is a draft of an entity. Its Fields list what a person should review.
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
	if err := s.require(ctx, principal, policy.CatalogLocationAnalyze, ""); err != nil {
		return Analysis{}, err
	}
	target, err := url.Parse(spec.Target)
	if err != nil || !target.IsAbs() || target.Host == "" {
		return Analysis{}, fault.New(fault.Input, "The given location.target is not a URL")
	}
	owner, name := repositoryOf(target)
	metadata := map[string]any{"name": name}
	if host, found := s.options.Pipeline.Reader.ByURL(spec.Target); found && owner != "" {
		if annotation, known := slugAnnotations[host.Type()]; known {
			metadata["annotations"] = map[string]any{annotation: owner + "/" + name}
		}
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

// repositoryOf extracts owner and name of the repository from a URL of the repository or of a file in it.
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
