package chassis

import "time"

// Now is the time as RFC 3339, as it is written down.
func Now() string { return time.Now().UTC().Format(time.RFC3339Nano) }
