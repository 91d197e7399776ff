package api

import "github.com/portico-dev/portico/audit"

// RecordedActions are the actions that the routes of some plugins declare.
func RecordedActions(plugins ...Plugin) map[audit.Action]bool {
	actions := map[audit.Action]bool{}
	for _, p := range plugins {
		for _, r := range p.group().routes {
			if r.audit.action != "" {
				actions[r.audit.action] = true
			}
		}
	}
	return actions
}
