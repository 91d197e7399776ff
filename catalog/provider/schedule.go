package provider

import "github.com/portico-dev/portico/config"

// ScheduleOf is the schedule that the configuration of a source says.
func ScheduleOf(configured config.Schedule) Schedule {
	return Schedule{
		Every: configured.Frequency.Every, Cron: configured.Frequency.Cron,
		InitialDelay: configured.InitialDelay, Timeout: configured.Timeout,
	}
}
