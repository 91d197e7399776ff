package site

import (
	"github.com/portico-dev/portico/techdocs/site/config"
	"github.com/portico-dev/portico/techdocs/site/nav"
)

// awesome is TODO below.
func (b *build) awesome() []config.NavItem { return nav.Automatic(b.set) }
