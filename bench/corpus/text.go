package corpus

import (
	"context"

	"github.com/artifortress/afs-engine/bench"
)

func textModules() []module {
	const path = "k8s.io/kubernetes"
	return []module{
		{"1.31.0", path, "v1.31.0", "h1:sYAB12TTWexXKp4RxqJMm/7EC+P0mNOgn4Xdj5eu7HM="},
		{"1.31.1", path, "v1.31.1", "h1:1fcYJe8SAhtannpChbmnzHLwAV9Je99PrGaFtBvCxms="},
		{"1.31.2", path, "v1.31.2", "h1:VNSu4O7Xn5FFRsh9ePXyEPg6ucR21fOftarSdi053Gs="},
		{"1.31.3", path, "v1.31.3", "h1:oqb7HdfnTelrGlZ6ziNugvQ/L/aJWR704114EAhUn9Q="},
		{"1.31.4", path, "v1.31.4", "h1:VQDX52gTQnq8C/jCo48AQuDsWbWMh9XXxhQRDYjgakw="},
		{"1.31.5", path, "v1.31.5", "h1:hIW8YLP1MtsAIyot6U0uPqTois0ESjUrvPK6hElUUEk="},
		{"1.31.6", path, "v1.31.6", "h1:zVhgWDFHmIj51o5sNARmjdgNvpq4K2Smya8pS5vxqlc="},
		{"1.31.7", path, "v1.31.7", "h1:3uCu7kNQxNBVbbqqe0pPjbW+h8L9aT01rD0bg+NdS5I="},
	}
}

func text() Spec {
	return Spec{
		Name:          "text",
		About:         "eight adjacent releases of Kubernetes' source, unpacked: about 8,000 small text files each",
		Part:          bench.Part{Reps: 1, Workloads: storing(), Without: []string{"erofs", "cp"}},
		DownloadBytes: 156e6, CacheBytes: 830e6,
		build: func(ctx context.Context, c *cache, dir string) error { return unpackAll(ctx, c, dir, textModules()) },
	}
}
