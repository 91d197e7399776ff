package catalog

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/portico-dev/portico/catalog/draft"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/policy"
)

// Surveyor looks into repositories. *integration.Set implements it.
type Surveyor interface {
	Survey(ctx context.Context, url string, wanted func([]integration.Entry) []string) (integration.Survey, error)
}

// Analysis is the answer to a request to analyze a location: the entities that could be registered from it.
type Analysis struct {
	// ExistingEntityFiles are the entities of descriptors in the repository. They are empty when it was not read.
	ExistingEntityFiles []ExistingEntity `json:"existingEntityFiles"`
	// GenerateEntities are drafts for a repository without descriptors.
	GenerateEntities []GeneratedEntity `json:"generateEntities"`
}

// ExistingEntity is an entity of a descriptor.
type ExistingEntity struct {
	Location     ExistingLocation `json:"location"`
	IsRegistered bool             `json:"isRegistered"`
	Entity       entity.Entity    `json:"entity"`
}

// ExistingLocation is the location of a descriptor.
type ExistingLocation struct {
	Type   string `json:"type"`
	Target string `json:"target"`
}

// GeneratedEntity is a draft of an entity. Its Fields list what a person should review.
type GeneratedEntity struct {
	Entity entity.Entity `json:"entity"`
	Fields []draft.Field `json:"fields"`
}

// Inspection is what a repository has for the catalog, and a draft for what it lacks.
type Inspection struct {
	// Repository is its name on its host, Branch the branch that was looked at.
	Repository, Branch string
	// Target is where the draft would be.
	Target   string
	Existing []ExistingEntity
	Draft    draft.Draft
}

const (
	// inspectTimeout bounds the reading of a repository for one request.
	inspectTimeout = 45 * time.Second
	// maxExisting bounds the descriptors that are read of a repository.
	maxExisting = 20
)

// slugAnnotations name a repository for the plugins of its host.
var slugAnnotations = map[string]string{
	"github": "github.com/project-slug", "gitlab": "gitlab.com/project-slug",
	"bitbucketCloud": "bitbucket.org/project-slug", "azure": "dev.azure.com/project-slug",
}

// AnalyzeLocation drafts entities for the repository at a URL. It looks into the repository only for a principal
// who may register locations, because it reads with the credentials of the integrations; for others, and where the
// repository cannot be read, the draft is what the URL tells.
func (s *Service) AnalyzeLocation(ctx context.Context, principal identity.Principal, spec entity.LocationSpec) (Analysis, error) {
	if err := s.require(ctx, principal, policy.CatalogLocationAnalyze, ""); err != nil {
		return Analysis{}, err
	}
	target, err := analyzable(spec)
	if err != nil {
		return Analysis{}, err
	}
	analysis := Analysis{ExistingEntityFiles: []ExistingEntity{}, GenerateEntities: []GeneratedEntity{}}
	if inspected, err := s.InspectRepository(ctx, principal, spec.Target); err == nil {
		analysis.ExistingEntityFiles = append(analysis.ExistingEntityFiles, inspected.Existing...)
		if len(inspected.Existing) == 0 {
			analysis.GenerateEntities = generated(inspected.Draft)
		}
		return analysis, nil
	}
	owner, name := repositoryOf(target)
	metadata := map[string]any{"name": name}
	if annotation, slug := s.slugOf(spec.Target, owner, name); annotation != "" {
		metadata["annotations"] = map[string]any{annotation: slug}
	}
	drafted := entity.Entity{
		"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": metadata,
		"spec": map[string]any{"type": "other", "lifecycle": "unknown"},
	}
	analysis.GenerateEntities = append(analysis.GenerateEntities, GeneratedEntity{Entity: drafted, Fields: []draft.Field{}})
	return analysis, nil
}

func analyzable(spec entity.LocationSpec) (*url.URL, error) {
	target, err := url.Parse(spec.Target)
	if err != nil || !target.IsAbs() || target.Host == "" {
		return nil, fault.New(fault.Input, "The given location.target is not a URL")
	}
	return target, nil
}

// slugOf is the annotation that names a repository for its host's plugins, "" where there is none.
func (s *Service) slugOf(target, owner, name string) (annotation, slug string) {
	host, found := s.options.Pipeline.Reader.ByURL(target)
	if !found || owner == "" {
		return "", ""
	}
	return slugAnnotations[host.Type()], owner + "/" + name
}

// generated are the entities of a draft; the fields are those of the first.
func generated(drafted draft.Draft) []GeneratedEntity {
	entities := make([]GeneratedEntity, len(drafted.Entities))
	for i, e := range drafted.Entities {
		entities[i] = GeneratedEntity{Entity: e, Fields: []draft.Field{}}
		if i == 0 {
			entities[i].Fields = drafted.Fields
		}
	}
	return entities
}

// InspectRepository looks into the repository at a URL, with the credentials of the integrations. It needs the
// permission to register locations. A repository that cannot be read is an error as of reading its files.
func (s *Service) InspectRepository(ctx context.Context, principal identity.Principal, target string) (Inspection, error) {
	spec := entity.LocationSpec{Type: provenance.URL, Target: target}
	if err := s.mayRegister(ctx, principal, spec); err != nil {
		return Inspection{}, err
	}
	parsed, err := analyzable(spec)
	if err != nil {
		return Inspection{}, err
	}
	if s.options.Surveyor == nil {
		return Inspection{}, fault.New(fault.NotImplemented, "This server does not look into repositories")
	}
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	survey, err := s.options.Surveyor.Survey(ctx, target, WantedOf)
	if err != nil {
		return Inspection{}, err
	}
	owner, name := repositoryOf(parsed)
	annotation, slug := s.slugOf(target, owner, name)
	of := RepositoryOf(survey)
	of.Name, of.SlugAnnotation, of.Slug = name, annotation, slug
	inspected := Inspection{Repository: survey.Repository, Branch: survey.Branch, Target: survey.URL(draft.DescriptorNames()[0]), Draft: draft.New(of)}
	inspected.Existing, err = s.existing(ctx, survey, inspected.Draft.Existing)
	return inspected, err
}

// WantedOf are the files of a repository that a draft needs.
func WantedOf(entries []integration.Entry) []string { return draft.Wanted(filesOf(entries)) }

// RepositoryOf is what a survey tells of a repository.
func RepositoryOf(survey integration.Survey) draft.Repository {
	return draft.Repository{Files: filesOf(survey.Files), Contents: survey.Contents}
}

func filesOf(entries []integration.Entry) []draft.File {
	files := make([]draft.File, len(entries))
	for i, entry := range entries {
		files[i] = draft.File{Path: entry.Path, Size: entry.Size}
	}
	return files
}

// existing are the entities of descriptors, each with whether its file is registered. A descriptor that is not read or
// is no YAML has one entity without content.
func (s *Service) existing(ctx context.Context, survey integration.Survey, paths []string) ([]ExistingEntity, error) {
	var found []ExistingEntity
	for _, path := range paths[:min(len(paths), maxExisting)] {
		location := ExistingLocation{provenance.URL, survey.URL(path)}
		registered, err := s.isRegistered(ctx, location)
		if err != nil {
			return nil, err
		}
		documents, err := entity.ParseYAML(survey.Contents[path], location.Target)
		if err != nil || len(documents) == 0 {
			documents = []entity.Document{{}}
		}
		for _, document := range documents {
			one := ExistingEntity{location, registered, document.Entity}
			if one.Entity == nil {
				one.Entity = entity.Entity{}
			}
			found = append(found, one)
		}
	}
	return found, nil
}

// isRegistered reports whether a file is registered, also by the address of it as a directory, which actions that
// publish repositories return.
func (s *Service) isRegistered(ctx context.Context, location ExistingLocation) (bool, error) {
	for _, target := range []string{location.Target, strings.Replace(location.Target, "/blob/", "/tree/", 1)} {
		_, registered, err := s.locationAt(ctx, s.pool, entity.LocationSpec{Type: location.Type, Target: target})
		if err != nil || registered {
			return registered, err
		}
	}
	return false, nil
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
