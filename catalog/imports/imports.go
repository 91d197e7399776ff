// Package imports goes through the repositories of an owner and drafts a descriptor for each that has none. It
// writes nothing: what becomes of the drafts is for its caller. Everything it finds out is on the host, so it can
// be stopped and begun again at any time.
package imports

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/draft"
	providergithub "github.com/portico-dev/portico/catalog/provider/github"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/github"
)

// State is what is to be done about a repository.
type State string

// The states.
const (
	// Drafted has a draft that nobody has proposed yet.
	Drafted State = "drafted"
	// Described has a descriptor.
	Described State = "described"
	// Proposed has, or had, a pull request with a descriptor.
	Proposed State = "proposed"
	// Skipped is archived, a fork, or empty.
	Skipped State = "skipped"
	// Failed could not be looked into.
	Failed State = "failed"
)

// Branch is the branch of pull requests with a descriptor. That it has had one is how a repository is known to have been
// proposed.
const Branch = "portico/catalog-info"

const (
	// atOnce is the number of repositories that are looked into at once.
	atOnce = 4
	// MaxRepositories bounds the repositories of one import.
	MaxRepositories = 10_000
)

// Options are what to import.
type Options struct {
	Hosts *integration.Set
	// Host is a GitHub host of Hosts, Owner an organization or a user of it.
	Host, Owner string
	// Forks and Archived include forks and archived repositories.
	Forks, Archived bool
	// Limit is the most drafts that are made, 0 for all.
	Limit int
}

// Repository is what was found about a repository.
type Repository struct {
	Name   string `json:"name"`
	URL    string `json:"url"`
	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"`
	// Target is where the descriptor would be, RepoURL what templates call the repository.
	Target     string        `json:"target,omitempty"`
	RepoURL    string        `json:"repoUrl,omitempty"`
	Descriptor string        `json:"descriptor,omitempty"`
	Fields     []draft.Field `json:"fields,omitempty"`
}

// Run calls hand with each repository of the owner, in no particular order and one at a time. A repository that cannot
// be looked into does not keep it from the others. An error of hand stops it and is returned, and so does the end of the
// context: nothing is handed after it.
func Run(ctx context.Context, options Options, hand func(Repository) error) error {
	host, err := integration.HostOf[*github.Host](options.Hosts, options.Host)
	if err != nil {
		return err
	}
	listed, err := list(ctx, host, options)
	if err != nil {
		return err
	}
	i := &importing{Options: options, host: host, hand: hand}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	var ended error
	for _, one := range listed {
		if ended = context.Cause(ctx); ended != nil {
			break
		}
		group.Go(func() (err error) {
			defer fault.Recover(&err)
			return i.give(ctx, i.look(ctx, one))
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ended
}

// list lists all repositories before any is looked into, so that a list that is incomplete has proposed nothing.
func list(ctx context.Context, host *github.Host, options Options) ([]providergithub.Repository, error) {
	var listed []providergithub.Repository
	for one, err := range providergithub.Repositories(ctx, host, options.Owner, draft.DescriptorNames()[0]) {
		if err != nil {
			return nil, err
		}
		if listed = append(listed, one); len(listed) > MaxRepositories {
			return nil, fault.New(fault.Input, "%s has more than %d repositories, which are too many for one import", options.Owner, MaxRepositories)
		}
	}
	return listed, nil
}

// importing is one run.
type importing struct {
	Options

	host *github.Host

	mutex   sync.Mutex
	drafted int
	hand    func(Repository) error
	// stopped is the error of hand that has ended the import.
	stopped error
}

// give hands a repository over, unless the import has ended: what was found since may be wrong, because its requests were cancelled.
func (i *importing) give(ctx context.Context, found Repository) error {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	switch {
	case i.stopped != nil:
		return i.stopped
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	i.stopped = i.hand(found)
	return i.stopped
}

// look finds out what is to be done about a repository.
func (i *importing) look(ctx context.Context, one providergithub.Repository) Repository {
	found := Repository{Name: one.Owner + "/" + one.Name, URL: one.URL, State: Skipped}
	switch {
	case one.Described:
		found.State = Described
	case one.Branch == "":
		found.Reason = "it is empty"
	case one.Fork && !i.Forks:
		found.Reason = "it is a fork"
	case one.Archived && !i.Archived:
		found.Reason = "it is archived"
	default:
		if err := i.draft(ctx, one, &found); err != nil {
			return Repository{Name: found.Name, URL: found.URL, State: Failed, Reason: err.Error()}
		}
	}
	return found
}

func (i *importing) draft(ctx context.Context, one providergithub.Repository, found *Repository) error {
	address, err := providergithub.Proposed(ctx, i.host, one.Owner, one.Name, Branch)
	if err != nil {
		return err
	}
	if address != "" {
		found.State, found.Reason = Proposed, address
		return nil
	}
	if i.reachedLimit() {
		found.Reason = i.limitReason()
		return nil
	}
	survey, err := i.Hosts.Survey(ctx, one.URL, catalog.WantedOf)
	if err != nil {
		return err
	}
	of := catalog.RepositoryOf(survey)
	of.Name, of.Topics, of.Archived = one.Name, one.Topics, one.Archived
	of.SlugAnnotation, of.Slug = "github.com/project-slug", one.Owner+"/"+one.Name
	drafted := draft.New(of)
	if len(drafted.Existing) > 0 {
		found.State, found.Reason = Described, drafted.Existing[0]
		return nil
	}
	if !i.countDraft() {
		found.Reason = i.limitReason()
		return nil
	}
	found.State, found.Descriptor, found.Fields = Drafted, drafted.Descriptor, drafted.Fields
	found.Target = survey.URL(draft.DescriptorNames()[0])
	found.RepoURL = i.Host + "?owner=" + one.Owner + "&repo=" + one.Name
	return nil
}

// reachedLimit reports whether no further draft may be made, so that the repository need not be read for one.
func (i *importing) reachedLimit() bool {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return i.Limit > 0 && i.drafted == i.Limit
}

// countDraft counts a draft that was made, and reports whether it is within the limit: others may have reached it
// while the repository was read. What turned out to need no draft is not counted.
func (i *importing) countDraft() bool {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if i.Limit > 0 && i.drafted == i.Limit {
		return false
	}
	i.drafted++
	return true
}

func (i *importing) limitReason() string { return fmt.Sprintf("%d drafts were made", i.Limit) }
