package audit

import "time"

// SetPatience sets how long a snapshot waits for its reader.
func (l *Log) SetPatience(patience time.Duration) { l.patience = patience }
