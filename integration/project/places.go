package project

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/subject"
)

// The annotations of Backstage's plugins.
const (
	annotationGitHub         = "github.com/project-slug"
	annotationGitLab         = "gitlab.com/project-slug"
	annotationGitLabNumber   = "gitlab.com/project-id"
	annotationGitLabInstance = "gitlab.com/instance"
)

// publicHosts are the hosts that the plugins ask when nothing else is said.
var publicHosts = map[string]string{integration.TypeGitHub: "github.com", integration.TypeGitLab: "gitlab.com"}

// place is a project on a configured host.
type place struct {
	host integration.Host
	repo integration.Repo
	// name is what the author has written.
	name string
}

// key identifies the place in caches.
func (p place) key() string { return fmt.Sprintf("%q", p.repo) }

// missing says that the host does not show the project, and why as far as is known.
func (p place) missing(err error) string {
	said := fmt.Sprintf("%s does not exist on %s, or Portico may not read it", p.name, p.host.Name())
	if hidden, is := errors.AsType[*integration.HiddenError](err); is {
		said += ": " + hidden.Error()
	}
	return said
}

// placesOf are the projects that an entity names: at most one on a GitHub and one on a GitLab. What an author writes
// leads to configured hosts with credentials only.
func (s *Service) placesOf(about entity.Entity) (places []place, problems []subject.Problem) {
	for _, named := range []struct{ kind, host, annotation, number string }{
		{integration.TypeGitHub, "", annotationGitHub, ""},
		{integration.TypeGitLab, about.Annotation(annotationGitLabInstance), annotationGitLab, about.Annotation(annotationGitLabNumber)},
	} {
		slug := about.Annotation(named.annotation)
		if slug == "" && named.number == "" {
			continue
		}
		host, found := s.hostOf(about, named.kind, named.host)
		if !found {
			if named.host != "" {
				problems = append(problems, subject.Problem{Source: annotationGitLabInstance, Message: fmt.Sprintf("Portico has no credentials for a GitLab %q", named.host)})
			}
			continue
		}
		at, err := placeAt(host, slug, named.number)
		if err != nil {
			problems = append(problems, subject.Problem{Source: named.annotation, Message: err.Error()})
			continue
		}
		places = append(places, at)
	}
	return places, problems
}

// hostOf finds the host of a kind for an entity: the named one, or else that of the entity's sources, the public one,
// or any, in this order. It needs credentials.
func (s *Service) hostOf(about entity.Entity, kind, named string) (integration.Host, bool) {
	usable := func(host integration.Host, known bool) bool {
		return known && host.Type() == kind && host.HasCredentials()
	}
	if named != "" {
		host, known := s.options.Hosts.ByHost(strings.ToLower(named))
		return host, usable(host, known)
	}
	for _, annotation := range []string{entity.AnnotationSourceLocation, entity.AnnotationLocation} {
		location, err := entity.ParseLocationRef(about.Annotation(annotation))
		if err != nil || location.Type != "url" {
			continue
		}
		if host, known := s.options.Hosts.ByURL(location.Target); usable(host, known) {
			return host, true
		}
	}
	if host, known := s.options.Hosts.ByHost(publicHosts[kind]); usable(host, known) {
		return host, true
	}
	for _, host := range s.options.Hosts.Hosts() {
		if usable(host, true) {
			return host, true
		}
	}
	return nil, false
}

// placeAt checks what an author has written: the number of a project, or its path as in the host's URLs. The number
// counts if there are both.
func placeAt(host integration.Host, slug, number string) (place, error) {
	at := place{host: host, name: slug, repo: integration.Repo{Host: host.Name()}}
	if number != "" {
		if _, err := strconv.ParseUint(number, 10, 63); err != nil {
			return place{}, fmt.Errorf("%q is not the number of a project", number)
		}
		at.repo.Project = number
		at.name = "project " + number
		return at, nil
	}
	address := host.Address(integration.Place{Repository: slug})
	address.Scheme, address.Host = "https", host.Name()
	parsed, err := host.Parse(address)
	if err != nil || parsed.Repository != slug {
		return place{}, fmt.Errorf("%q is not the path of a project on %s", slug, host.Name())
	}
	cut := strings.LastIndexByte(slug, '/')
	at.repo.Owner, at.repo.Repo = slug[:cut], slug[cut+1:]
	return at, nil
}
