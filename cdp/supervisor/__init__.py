"""
Runs the whole product as one tree of processes: two servers, web, worker and beat.

It stands apart because it must not need what it starts: nothing here reads the database or the settings. A tree belongs
to one data folder, which it holds locked. When the supervisor dies, however it dies, the kernel tells its children to
stop; whatever outlives that is ended by the next start on the same folder, which finds it in `processes.json`.
"""
