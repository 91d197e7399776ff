package integration

import (
	"context"
	"slices"
	"strings"
)

// Part is a part of a repository's address, by its name in a repoUrl.
type Part string

// Parts of addresses. Each host has some of them: its CheckRepo says which it requires.
const (
	PartOrganization Part = "organization"
	PartWorkspace    Part = "workspace"
	PartProject      Part = "project"
	PartOwner        Part = "owner"
	PartRepo         Part = "repo"
)

// PartLister is a Host that lists the values of parts of addresses, for people who choose one. Errors are like those
// of Set.ReadURL.
type PartLister interface {
	Host
	// Parts has each part that ListPart lists, with the parts that contain it. It must not be changed.
	Parts() map[Part][]Part
	// ListPart lists the values of a part, up to a bound: owners, workspaces and the like to which the
	// credentials have access, and repositories that they may read. in has the parts that contain it. token
	// replaces the configured credentials; "" keeps them.
	ListPart(ctx context.Context, part Part, in Repo, token string) ([]Choice, error)
}

// Choice is a value of a part.
type Choice struct {
	// Value is what a repoUrl contains.
	Value string `json:"value"`
	// Title is what people on the host call it, "" for the value itself.
	Title string `json:"title,omitempty"`
	// Kind is "user", "organization" or "group" for an owner, "" for another part.
	Kind string `json:"kind,omitempty" jsonschema:"enum=user,enum=organization,enum=group"`
	// ID is the host's own identifier where clients need one, "" elsewhere.
	ID string `json:"-"`
}

// Owner is a user, organization or group that owns repositories.
type Owner struct {
	Name string
	// Kind is one of those below.
	Kind string
}

// Kinds of owners.
const (
	OwnerUser         = "user"
	OwnerOrganization = "organization"
	OwnerGroup        = "group"
)

// SortChoices sorts choices by their values without regard to case, and drops repeated ones.
func SortChoices(choices []Choice) []Choice {
	slices.SortStableFunc(choices, func(a, b Choice) int { return strings.Compare(strings.ToLower(a.Value), strings.ToLower(b.Value)) })
	return slices.CompactFunc(choices, func(a, b Choice) bool { return strings.EqualFold(a.Value, b.Value) })
}
