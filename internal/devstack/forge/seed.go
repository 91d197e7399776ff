package forge

import (
	"cmp"
	"fmt"
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

// AddTeam creates a team of an organization with this name if there is none.
func (f *Forge) AddTeam(organization, name, description string) error {
	slug := slugOf(name)
	if slug == "" {
		return fmt.Errorf("local Git forge: team %q: the name has no letters", name)
	}
	if _, err := f.organization(organization); err != nil {
		return fmt.Errorf("local Git forge: %w", err)
	}
	return f.store.putOwner(organization, kindOrganization, func(owner *account) error {
		if owner.Teams == nil {
			owner.Teams = map[string]team{}
		}
		if _, exists := owner.Teams[slug]; !exists {
			owner.Teams[slug] = team{ID: f.store.nextID(), Name: name, Description: description, CreatedAt: now()}
		}
		return nil
	})
}
