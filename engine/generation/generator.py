"""Continuous batching: waiting jobs start when pages are free, prompts are read in chunks, replies advance together.

One `step` starts what fits, looks at no more than one image of each job that shows some, reads at most one chunk of
each prompt that is not complete, and takes one token for every job that is. A job that fails ends alone. Knows nothing
of templates, files or devices.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from engine.cache.page_table import PageTable
from engine.errors import EngineError
from engine.events import GenerationEvent, GenerationFinished, PrefillProgress, RequestFailed
from engine.generation.executor import Executor
from engine.generation.job import Job

PATIENCE_S = 0.02  # that a step waits for files of images when there is nothing else to do
MAX_SKIPS = 4  # how often later jobs may overtake one that does not fit yet


class Generator:
    """Runs jobs on one model.

    Args:
        copy_page: copies a physical page's K and V, (source, target).
    """

    def __init__(self, executor: Executor, pages: PageTable, copy_page: Callable[[int, int], None]) -> None:
        self._executor, self._pages, self._copy_page = executor, pages, copy_page
        self._waiting: deque[Job] = deque()
        self._running: list[Job] = []
        self._last_context = 0

    @property
    def has_work(self) -> bool:
        return bool(self._waiting or self._running)

    @property
    def longest_context(self) -> int:
        """Tokens of the longest job; of the last one while idle."""
        if self._running:
            self._last_context = max(len(job.token_ids) for job in self._running)
        return self._last_context

    def submit(self, job: Job) -> None:
        """Queues a job; it must fit the cache alone."""
        self._waiting.append(job)

    def cancel(self, request_id: int) -> None:
        """Ends a job at the next step; unknown ids are ignored, for the job may just have finished."""
        for job in [*self._waiting, *self._running]:
            if job.request_id == request_id:
                job.cancelled = True

    def step(self) -> list[GenerationEvent]:
        """Advances every job; returns what happened, in order."""
        events: list[GenerationEvent] = []
        self._drop_cancelled(events)
        self._name_waiting(events)
        self._start_waiting(events)
        for job in [job for job in self._running if job.is_prefilling]:
            if job.is_begun:
                self._prefill(job, events)
            else:
                self._look(job, events)
        ready = [job for job in self._running if not job.is_prefilling]
        for first in range(0, len(ready), self._executor.max_batch):
            self._decode(ready[first : first + self._executor.max_batch], events)
        return events

    def _drop_cancelled(self, events: list[GenerationEvent]) -> None:
        for job in [job for job in self._running if job.cancelled]:
            events.append(job.cancel())
            self._end(job)
        events.extend(job.cancel() for job in self._waiting if job.cancelled)
        self._waiting = deque(job for job in self._waiting if not job.cancelled)

    @property
    def _patience_s(self) -> float:
        """Replies of others are not kept waiting for a file."""
        return 0.0 if any(job.is_begun for job in self._running) else PATIENCE_S

    def _name_waiting(self, events: list[GenerationEvent]) -> None:
        """Jobs whose images are read by now get names for them; the others stay where they are."""
        for job in [job for job in self._waiting if not job.is_named]:
            assert job.sights is not None
            try:
                if job.sights.is_read(self._patience_s):
                    job.name_images()
                else:
                    events.extend(job.sights.news())
            except EngineError as error:
                self._waiting.remove(job)
                events.append(RequestFailed(job.request_id, error))

    def _start_waiting(self, events: list[GenerationEvent]) -> None:
        overtaken: list[Job] = []
        for job in [job for job in self._waiting if job.is_named]:
            if any(earlier.skips >= MAX_SKIPS for earlier in overtaken):
                return
            sequence = self._pages.allocate(job.token_ids, job.max_tokens)
            if sequence is None:
                overtaken.append(job)
                continue
            for earlier in overtaken:
                earlier.skips += 1
            self._waiting.remove(job)
            for source, target in sequence.copies:
                self._copy_page(source, target)
            self._running.append(job)
            job.take(sequence)
            self._begin_or_tell(job, events)

    def _begin_or_tell(self, job: Job, events: list[GenerationEvent]) -> None:
        """Says that a job that has its pages runs, or how many images it has to look at first."""
        if job.sights is None or job.sights.is_seen:
            events.append(job.begin())
        else:
            events.extend(job.sights.news())

    def _look(self, job: Job, events: list[GenerationEvent]) -> None:
        """One image of a job that has its pages, so that what they hold of its prompt stays there meanwhile."""
        assert job.sights is not None
        assert job.sequence is not None
        try:
            job.sights.look(self._patience_s)
        except EngineError as error:
            self._running.remove(job)
            self._pages.release(job.sequence)  # nothing was computed yet: all that they hold is good
            events.append(RequestFailed(job.request_id, error))
            return
        events.extend(job.sights.news())
        if job.sights.is_seen:
            events.append(job.begin())

    def _prefill(self, job: Job, events: list[GenerationEvent]) -> None:
        assert job.sequence is not None
        start = job.num_computed
        end = min(start + self._executor.max_prefill, job.num_prompt)
        end = end if job.images is None else job.images.chunk_end(start, end)
        chunk = job.token_ids[start:end]
        sampler = job.sampler if end == job.num_prompt else None
        try:
            token_id = self._executor.prefill(chunk, start, job.sequence, sampler, job.images)
        except EngineError as error:
            self._fail(job, error, events)
            return
        self._pages.append(job.sequence, start, chunk)
        job.num_computed = end
        if token_id is None:
            events.append(PrefillProgress(job.request_id, end, job.num_prompt))
        else:
            job.images = None if job.images is None else job.images.spent  # a long reply holds no images in memory
            self._accept(job, token_id, events)

    def _decode(self, jobs: list[Job], events: list[GenerationEvent]) -> None:
        jobs = [job for job in jobs if job in self._running]
        sequences = [job.sequence for job in jobs if job.sequence is not None]
        if not jobs:
            return
        assert len(sequences) == len(jobs)
        last = [job.token_ids[-1] for job in jobs]
        positions = [len(job.token_ids) - 1 for job in jobs]
        try:
            offsets = [job.images.offset if job.images is not None else 0 for job in jobs]
            chosen = self._executor.decode(last, positions, sequences, [job.sampler for job in jobs], offsets)
        except EngineError as error:
            if len(jobs) == 1:
                self._fail(jobs[0], error, events)
                return
            for job in jobs:  # find out whose fault it was: the others go on
                self._decode([job], events)
            return
        for job, sequence, token_id in zip(jobs, sequences, chosen, strict=True):
            self._pages.append(sequence, job.num_computed, [job.token_ids[-1]])
            job.num_computed += 1
            self._accept(job, token_id, events)

    def _accept(self, job: Job, token_id: int, events: list[GenerationEvent]) -> None:
        event = job.accept(token_id)
        events.append(event)
        if isinstance(event, GenerationFinished):
            self._end(job)

    def _end(self, job: Job) -> None:
        assert job.sequence is not None
        self._last_context = len(job.token_ids)
        self._running.remove(job)
        self._pages.release(job.sequence)

    def _fail(self, job: Job, error: EngineError, events: list[GenerationEvent]) -> None:
        assert job.sequence is not None
        self._running.remove(job)
        self._pages.forget(job.sequence)
        events.append(RequestFailed(job.request_id, error))
