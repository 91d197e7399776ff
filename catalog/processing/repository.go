package processing

import (
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/provenance"
)

// RepositoryOf is the repository of a location, as host/path, and its branch, "" for the default branch. Of a branch with
// slashes it may be the first segment, because the URL does not show where the branch ends. The repository is "" for a
// location on no configured host, and for a pipeline that reads nothing.
func (p *Pipeline) RepositoryOf(location string) (repository, branch string) {
	if p == nil || p.Reader == nil {
		return "", ""
	}
	spec, err := entity.ParseLocationRef(location)
	if err != nil || spec.Type != provenance.URL {
		return "", ""
	}
	host, known := p.Reader.ByURL(spec.Target)
	if !known {
		return "", ""
	}
	target, err := integration.ParseURL(spec.Target)
	if err != nil {
		return "", ""
	}
	place, err := host.Parse(target)
	if err != nil || place.Repository == "" {
		return "", ""
	}
	return textOf(new(host.Name() + "/" + place.Repository)), textOf(&place.Ref)
}
