package forge

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// AddUser creates a user with this login if there is none. An empty name is the login.
func (f *Forge) AddUser(login, name string) error { return f.addOwner(login, name, kindUser) }

// AddOrganization creates an organization with this login if there is none. An empty name is the login.
func (f *Forge) AddOrganization(login, name string) error {
	return f.addOwner(login, name, kindOrganization)
}

func (f *Forge) addOwner(login, name, kind string) error {
	err := f.store.putOwner(login, kind, func(owner *account) error {
		if name != "" || owner.Name == "" {
			owner.Name = cmp.Or(name, login)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("local Git forge: %w", err)
	}
	return nil
}

// Person is what the forge shows of a user besides the login.
type Person struct {
	// Name is the login when it is empty.
	Name, Email, Bio string
	// Emails are the addresses in verified domains of the user's organizations.
	Emails []string
	// Suspended means that an administrator has suspended the user.
	Suspended bool
}

// PutUser creates a user, or changes the one with this login.
func (f *Forge) PutUser(login string, person Person) error {
	err := f.store.putOwner(login, kindUser, func(owner *account) error {
		owner.Name, owner.Email, owner.Emails, owner.Bio = cmp.Or(person.Name, login), person.Email, person.Emails, person.Bio
		owner.SuspendedAt = nil
		if person.Suspended {
			owner.SuspendedAt = new(now())
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("local Git forge: %w", err)
	}
	return nil
}

// SetMembers makes these users the members of an organization, besides the token's user, who is one of every
// organization.
func (f *Forge) SetMembers(organization string, logins ...string) error {
	return f.changeOrganization(organization, func(owner *account) error {
		owner.Members = slices.Clone(logins)
		return nil
	})
}

// AddTeam creates a team of an organization with this name if there is none.
func (f *Forge) AddTeam(organization, name, description string) error {
	slug := slugOf(name)
	if slug == "" {
		return fmt.Errorf("local Git forge: team %q: the name has no letters", name)
	}
	return f.changeOrganization(organization, func(owner *account) error {
		if owner.Teams == nil {
			owner.Teams = map[string]team{}
		}
		if _, exists := owner.Teams[slug]; !exists {
			owner.Teams[slug] = team{ID: f.store.nextID(), Name: name, Description: description, CreatedAt: now()}
		}
		return nil
	})
}

// SetTeam puts a team under a parent, by its slug, and makes these users its own members. An empty parent is none.
func (f *Forge) SetTeam(organization, slug, parent string, members ...string) error {
	return f.changeOrganization(organization, func(owner *account) error {
		changed, exists := owner.Teams[slug]
		if _, parentExists := owner.Teams[parent]; !exists || parent != "" && !parentExists {
			return fmt.Errorf("team %s below %q: %w", slug, parent, errNotFound)
		}
		changed.Parent, changed.Members = parent, slices.Clone(members)
		owner.Teams[slug] = changed
		return nil
	})
}

// RemoveTeam removes a team of an organization, if it exists, and those below it, as on GitHub.
func (f *Forge) RemoveTeam(organization, slug string) error {
	return f.changeOrganization(organization, func(owner *account) error {
		removeTeam(owner.Teams, slug)
		return nil
	})
}

func removeTeam(teams map[string]team, slug string) {
	delete(teams, slug)
	for child, one := range teams {
		if one.Parent == slug {
			removeTeam(teams, child)
		}
	}
}

func (f *Forge) changeOrganization(login string, change func(*account) error) error {
	_, err := f.organization(login)
	if err == nil {
		err = f.store.putOwner(login, kindOrganization, change)
	}
	if err != nil {
		return fmt.Errorf("local Git forge: organization %s: %w", login, err)
	}
	return nil
}

// Content is what a new repository contains and how it is shown.
type Content struct {
	// Files are the contents of files by path, as one commit on the branch main. Without any, the repository is empty.
	Files  map[string]string
	Topics []string
	// Visibility is public, private or internal; empty is public.
	Visibility string
	Archived   bool
	// Parent is the full name of the repository of which this is a fork, empty for others.
	Parent string
}

// AddRepository creates a repository without starting Git, which makes thousands cheap.
func (f *Forge) AddRepository(owner, name string, content Content) error {
	account, err := f.store.owner(owner)
	if err != nil {
		return fmt.Errorf("local Git forge: %w", err)
	}
	if !isRepositoryName(name) {
		return fmt.Errorf("local Git forge: %q is not a name of a repository", name)
	}
	set := defaultSettings()
	set.Visibility, set.Archived = cmp.Or(content.Visibility, visibilityPublic), content.Archived
	repo := &repository{Owner: account.Login, Name: name, Settings: set, Topics: append([]string{}, content.Topics...), Parent: content.Parent}
	err = f.store.addRepository(repo, func(directory string) error {
		return initializeLoose(directory, content.Files, f.signature(), time.Now())
	})
	if err != nil {
		return fmt.Errorf("local Git forge: repository %s/%s: %w", owner, name, err)
	}
	return nil
}

// RemoveRepository deletes a repository.
func (f *Forge) RemoveRepository(owner, name string) error {
	if err := f.store.deleteRepository(owner, name); err != nil {
		return fmt.Errorf("local Git forge: %w", err)
	}
	return nil
}
