package catalog

import (
	"fmt"
	"time"

	"github.com/portico-dev/portico/db"
)

// Conflict is a reference that two locations claim. The holder was the first, and keeps it.
type Conflict struct {
	EntityRef string
	// Holder and Claimant are the locations, type:target. ClaimantRef is the Location entity that emits the second
	// claim, or source: and the name of a source.
	Holder, Claimant, ClaimantRef string
	FirstSeenAt, LastSeenAt       time.Time
	// Repository is that of both locations, as host/path, if they are one file on two branches; else "".
	Repository string
	// Next says what to do, and Configuration has the lines for it, "" when it is not done in the configuration.
	Next, Configuration string
}

// readOneBranch says what to do about entities of a repository that come from several branches.
const readOneBranch = "Have the source read one branch only, by these lines in its entry of catalog.providers, or remove the location on the other branch"

func (s *Service) conflictsOf(rows []db.CatalogConflict) []Conflict {
	conflicts := make([]Conflict, len(rows))
	for i, row := range rows {
		c := Conflict{EntityRef: row.EntityRef, Holder: row.HolderKey, Claimant: row.ClaimantKey, ClaimantRef: row.ClaimantRef,
			FirstSeenAt: row.FirstSeenAt, LastSeenAt: row.LastSeenAt}
		held, holds := s.options.Pipeline.RepositoryOf(c.Holder)
		claimed, claims := s.options.Pipeline.RepositoryOf(c.Claimant)
		if held != "" && held == claimed && holds != claims {
			c.Repository, c.Configuration = held, oneBranch(holds)
			c.Next = fmt.Sprintf("Both are in %s, on %s and on %s. %s", held, branch(holds), branch(claims), readOneBranch)
		} else {
			c.Next = "Rename the entity in one of the two files, or remove one of the two locations. To let the other location have it, resolve the conflict in its favour"
		}
		conflicts[i] = c
	}
	return conflicts
}

// branch names a branch for people.
func branch(ref string) string {
	if ref == "" {
		return "its default branch"
	}
	return ref
}

// oneBranch are the two lines of an entry of catalog.providers that restrict it to a branch.
func oneBranch(ref string) string {
	if ref == "" {
		ref = "main"
	}
	return "filters:\n  branch: " + ref
}
