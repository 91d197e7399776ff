package build

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/provenance"
)

// Annotations about documentation.
const (
	// AnnotationRef says where the documentation of an entity is: dir:. or url:https://…
	AnnotationRef = "backstage.io/techdocs-ref"
	// AnnotationEntity names another entity whose documentation is shown.
	AnnotationEntity = "backstage.io/techdocs-entity"
	// AnnotationVersions names the branches and tags whose documentation is kept beside the current one: "v*, release/*".
	AnnotationVersions = "portico.dev/techdocs-versions"
	// AnnotationPreviews has the documentation of open pull requests built when it is "true".
	AnnotationPreviews = "portico.dev/techdocs-previews"
)

// Kinds of places of documentation, as Backstage names them.
const (
	KindURL = "url"
	KindDir = "dir"
)

// Source is where the documentation of an entity is.
type Source struct {
	// Kind is KindURL for a folder on a host, or KindDir for one on this machine.
	Kind string
	// Target is the folder's URL, or its path.
	Target string
	// Ref is the branch, tag or commit of a version in place of the URL's, "" for the current documentation.
	Ref string
	// file is the local file in whose directory, or below, the folder is; folder is relative to that directory.
	file   provenance.Place
	folder string
}

// String names the source for people. It has no local path, because everybody who may read the entity may read it.
func (s Source) String() string {
	if s.Kind == KindDir {
		return "the folder " + s.folder + " beside the entity's file"
	}
	if s.Ref != "" {
		return s.Target + " at " + s.Ref
	}
	return s.Target
}

// Locate finds where the documentation of an entity is, as Backstage does. at is where the catalog read the entity, by its own
// record: only what came from a local file may have its documentation beside that file. resolve is integration.Set's ResolveURL. Errors
// are faults with a sentence for people.
func Locate(e entity.Entity, at provenance.Place, resolve provenance.Resolve) (Source, error) {
	annotation := e.Annotation(AnnotationRef)
	if annotation == "" {
		return Source{}, fault.New(fault.NotFound, "No %s annotation provided in entity: %s", AnnotationRef, e.Name())
	}
	kind, target, found := strings.Cut(annotation, ":")
	if !found || kind == "" || target == "" {
		return Source{}, fault.New(fault.Input, "Failure to parse either type or target for entity: %s", e.Name())
	}
	switch kind {
	case KindURL:
		return byURL(target)
	case KindDir:
		return beside(e, at, target, resolve)
	default:
		return Source{}, fault.New(fault.Input, "Invalid reference annotation %s", kind)
	}
}

func byURL(target string) (Source, error) {
	place, err := provenance.Place{}.Follow(provenance.URL, target, nil)
	return Source{Kind: KindURL, Target: place.Target()}, err
}

// beside finds a folder relative to the entity's sources: to its own annotation about them, else to the file it was read from.
func beside(e entity.Entity, at provenance.Place, target string, resolve provenance.Resolve) (Source, error) {
	base := at
	if own := e.Annotation(entity.AnnotationSourceLocation); own != "" {
		kind, place, found := strings.Cut(own, ":")
		if !found || place == "" {
			return Source{}, fault.New(fault.Input, "The annotation %s of %s is not of the form kind:target", entity.AnnotationSourceLocation, e.Name())
		}
		followed, err := at.Follow(kind, place, resolve)
		if err != nil {
			return Source{}, err
		}
		base = followed
	}
	switch base.Kind() {
	case provenance.URL:
		resolved, err := resolve(base.Target(), target)
		if err != nil {
			return Source{}, fault.Wrap(fault.Input, err, "Unable to find the folder %s beside %s: %s", target, base.Target(), err)
		}
		return byURL(resolved)
	case provenance.File:
		return local(base, target)
	default:
		return Source{}, fault.New(fault.Input, "Unable to resolve location type %s", base.Kind())
	}
}

// local is a folder in the directory of a local file, or below it.
func local(file provenance.Place, target string) (Source, error) {
	folder := filepath.ToSlash(filepath.Clean(filepath.FromSlash(target)))
	if filepath.IsAbs(target) || path.IsAbs(target) || !filepath.IsLocal(filepath.FromSlash(folder)) {
		return Source{}, fault.New(fault.NotAllowed, "Relative path is not allowed to refer to a directory outside its parent")
	}
	return Source{Kind: KindDir, Target: filepath.Join(filepath.Dir(file.Target()), folder), file: file, folder: folder}, nil
}
