package rbac

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// PluginIDs lists the plugins whose permissions roles are about: those of the configuration, and those that
// the API has added.
func (s *Service) PluginIDs(ctx context.Context, principal identity.Principal) ([]string, error) {
	if _, err := s.mayRead(ctx, principal); err != nil {
		return nil, err
	}
	all, err := s.store.read(ctx)
	if err != nil {
		return nil, err
	}
	return slices.Concat(s.options.Configured.Plugins, without(all.plugins, s.options.Configured.Plugins)), nil
}

// AddPluginIDs adds plugins. One that is there already is a fault of kind Conflict.
func (s *Service) AddPluginIDs(ctx context.Context, principal identity.Principal, ids []string) error {
	if err := s.mayCreate(ctx, principal); err != nil {
		return err
	}
	if err := checkPluginIDs(ids); err != nil {
		return err
	}
	return s.update(ctx, principal, func(c *change) error {
		known := slices.Concat(s.options.Configured.Plugins, c.plugins)
		if taken := within(ids, known); len(taken) > 0 {
			return fault.New(fault.Conflict, "Plugin IDs %s already exist in the system. Please use a different set of plugin ids.", asList(taken))
		}
		return c.wrote(c.queries.AddRolePlugins(c.ctx, c.tx, ids), audit.PluginCreate, strings.Join(ids, ","))
	})
}

// RemovePluginIDs removes plugins. Those of the configuration are a fault of kind NotAllowed, unknown ones of
// kind NotFound.
func (s *Service) RemovePluginIDs(ctx context.Context, principal identity.Principal, ids []string) error {
	if _, err := s.mayChange(ctx, principal, policy.PolicyEntityDelete); err != nil {
		return err
	}
	if err := checkPluginIDs(ids); err != nil {
		return err
	}
	return s.update(ctx, principal, func(c *change) error {
		if configured := within(ids, s.options.Configured.Plugins); len(configured) > 0 {
			return fault.New(fault.NotAllowed, "Plugin IDs %s can be removed only with help of configuration.", asList(configured))
		}
		if unknown := without(ids, c.plugins); len(unknown) > 0 {
			return fault.New(fault.NotFound, "Plugin IDs %s were not found.", asList(unknown))
		}
		return c.wrote(c.queries.RemoveRolePlugins(c.ctx, c.tx, ids), audit.PluginDelete, strings.Join(ids, ","))
	})
}

// maxPlugins bounds the plugins of one request.
const maxPlugins = 1000

var pluginPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,100}$`)

func checkPluginIDs(ids []string) error {
	if len(ids) == 0 || len(ids) > maxPlugins {
		return fault.New(fault.Input, "'ids' must have at least one plugin ID and at most %d", maxPlugins)
	}
	for i, id := range ids {
		switch {
		case !pluginPattern.MatchString(id):
			return fault.New(fault.Input, "'ids' must be an array of string plugin ID values")
		case slices.Contains(ids[:i], id):
			return fault.New(fault.Input, "'ids' contains duplicate plugin ID '%s'", id)
		}
	}
	return nil
}

// asList is ids as JSON, as messages have them.
func asList(ids []string) string {
	text, err := json.Marshal(ids)
	if err != nil {
		return fmt.Sprint(ids)
	}
	return string(text)
}
