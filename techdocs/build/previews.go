package build

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/hostevents"
	"github.com/portico-dev/portico/techdocs"
)

const (
	// statusContext names who says something about a commit.
	statusContext = "portico/docs"
	// statusTimeout bounds saying it.
	statusTimeout = 20 * time.Second
)

// requestPreviews asks for builds of what a pull request proposes, for the sites of its repository that want previews, and removes the
// previews of one that was closed.
func (s *Store) requestPreviews(ctx context.Context, tx pgx.Tx, rows []db.TechDocsSitesInRepositoriesRow, pull hostevents.Pull) ([]string, error) {
	var sites []string
	version := fmt.Sprintf("pr-%d", pull.Number)
	for _, row := range rows {
		if row.VersionOf != nil {
			continue
		}
		site := versionOf(row.EntityRef, version)
		if pull.IsClosed {
			if _, err := s.queries.TechDocsDropVersion(ctx, tx, site); err != nil {
				return nil, fmt.Errorf("remove %s: %w", site, err)
			}
			continue
		}
		wanted, err := s.wantsPreview(ctx, tx, row, site)
		if err != nil {
			return nil, err
		}
		if !wanted || !integration.IsCommit(pull.Head) {
			continue
		}
		number := int64(pull.Number)
		if err := s.addVersion(ctx, tx, db.TechDocsAddVersionParams{EntityRef: site, VersionOf: row.EntityRef, Version: version, Ref: pull.Head,
			PullRequest: &number, PullRequestUrl: pull.URL}, request{cause: ByPush, askedBy: "pull request " + fmt.Sprint(number)}); err != nil {
			return nil, err
		}
		sites = append(sites, site)
	}
	return sites, nil
}

// wantsPreview reports whether a site has a preview of one more pull request. One that it has already it keeps.
func (s *Store) wantsPreview(ctx context.Context, tx pgx.Tx, row db.TechDocsSitesInRepositoriesRow, site string) (bool, error) {
	if textOf(row.PreviewsWanted) != "true" {
		return false, nil
	}
	others, err := s.queries.TechDocsOtherPreviews(ctx, tx, row.EntityRef, site)
	return int(others) < s.MaxPreviews, wrap(err, "count the previews of %s", row.EntityRef)
}

// announce says at the commit of a pull request where its preview is, or why there is none. When the host does not take that, the preview is
// there all the same.
func (b *Builder) announce(ctx context.Context, attempt *claimed, outcome error) {
	ref, err := refOf(attempt.row.EntityRef)
	if err != nil || !techdocs.IsPreview(ref.Version) || ctx.Err() != nil {
		return
	}
	var kind = fault.KindOf(outcome)
	if outcome != nil && !errors.Is(outcome, integration.ErrNotModified) && kind != fault.Input && kind != fault.NotFound {
		return // there is another attempt
	}
	if err := b.setStatus(ctx, attempt, outcome); err != nil {
		b.Log.WarnContext(ctx, "techdocs: the status of a pull request was not set", "site", attempt.row.EntityRef, "error", err)
		if err := attempt.say(ctx, []string{"warning: the pull request has no link to this preview: " + cutText(clean(err.Error()), maxLine)}); err != nil {
			b.Log.WarnContext(ctx, "techdocs: a line of a build was lost", "error", err)
		}
	}
}

func (b *Builder) setStatus(ctx context.Context, attempt *claimed, outcome error) error {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	site, err := attempt.site(ctx)
	if err != nil {
		return err
	}
	host, known := b.Hosts.ByHost(textOf(site.Host))
	shows, is := host.(integration.StatusHost)
	if !known || !is {
		return nil // it has nothing of the kind
	}
	place, err := integration.PlaceOf(host, textOf(site.Url))
	if err != nil {
		return err
	}
	owner, name, _ := strings.Cut(place.Repository, "/")
	status := integration.CommitStatus{Context: statusContext + "/" + strings.Split(attempt.row.EntityRef, "@")[0], Description: "The preview of the documentation"}
	if outcome != nil && !errors.Is(outcome, integration.ErrNotModified) {
		status.Failed, status.Description = true, outcome.Error()
	}
	if b.PortalURL != "" {
		status.URL = strings.TrimRight(b.PortalURL, "/") + Page(attempt.row.EntityRef) + "/"
	}
	return shows.SetStatus(ctx, integration.Repo{Host: host.Name(), Owner: owner, Repo: name}, site.Ref, status)
}
