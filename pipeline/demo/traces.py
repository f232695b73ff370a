"""Tracebacks as the programs of the stack print them, with places for what differs."""

_PACKAGES = "/usr/local/lib/python3.11/site-packages"
_DIRECT = "\n\nThe above exception was the direct cause of the following exception:\n\n"
_BEGIN = "Traceback (most recent call last):\n"


def _frame(path: str, line: int, function: str, code: str) -> str:
    return f'  File "{path}", line {line}, in {function}\n    {code}\n'


def _library(path: str, line: int, function: str, code: str) -> str:
    return _frame(f"{_PACKAGES}/{path}", line, function, code)


_UNDEFINED = (
    """<class 'asyncpg.exceptions.UndefinedObjectError'>: type "googleservice" does not exist"""
)

_ENUM = (
    _BEGIN
    + _library("sqlalchemy/dialects/postgresql/asyncpg.py", 526, "_prepare_and_execute",
               "prepared_stmt, attributes = await adapt_connection._prepare(")
    + _library("asyncpg/connection.py", 638, "_prepare", "stmt = await self._get_statement(")
    + "  File \"asyncpg/protocol/protocol.pyx\", line 165, in prepare\n"
    + 'asyncpg.exceptions.UndefinedObjectError: type "googleservice" does not exist'
    + _DIRECT
    + _BEGIN
    + _library("sqlalchemy/engine/base.py", 1967, "_exec_single_context",
               "self.dialect.do_execute(")
    + _library("sqlalchemy/dialects/postgresql/asyncpg.py", 585, "execute",
               "self._adapt_connection.await_(")
    + "sqlalchemy.dialects.postgresql.asyncpg.AsyncAdapt_asyncpg_dbapi.ProgrammingError: "
    + _UNDEFINED
    + _DIRECT
    + _BEGIN
    + _frame("/app/api/routers/google.py", 58, "token_for", "token = await find(user, service)")
    + _frame("/app/shared/services/oauth_token_service.py", 41, "find",
             "row = await self.repository.by_service(user_id, service)")
    + _frame("/app/shared/database/repositories/oauth_tokens.py", 73, "by_service",
             "result = await self.session.execute(query)")
    + _library("sqlalchemy/ext/asyncio/session.py", 463, "execute", "await greenlet_spawn(")
    + _library("sqlalchemy/engine/base.py", 2355, "_handle_dbapi_exception",
               "raise sqlalchemy_exception.with_traceback(exc_info[2]) from e")
    + "sqlalchemy.exc.ProgrammingError: "
    + f"(sqlalchemy.dialects.postgresql.asyncpg.ProgrammingError) {_UNDEFINED}\n"
    + "[SQL: SELECT user_oauth_tokens.id, user_oauth_tokens.user_id, user_oauth_tokens.service, "
    + "user_oauth_tokens.access_token, user_oauth_tokens.expires_at \n"
    + "FROM user_oauth_tokens \n"
    + "WHERE user_oauth_tokens.user_id = $1::INTEGER "
    + "AND user_oauth_tokens.service = $2::googleservice]\n"
    + "[parameters: (%USER%, '%SERVICE%')]\n"
    + "(Background on this error at: https://sqlalche.me/e/20/f405)"
)  # fmt: skip


def enum_binding(user: int, service: str) -> str:
    """Return SQLAlchemy's error for an enum type that the database does not know."""
    return _ENUM.replace("%USER%", str(user)).replace("%SERVICE%", service)


ASGI_MESSAGE = (
    _BEGIN
    + _library("uvicorn/protocols/http/httptools_impl.py", 409, "run_asgi", "result = await app(")
    + _library("fastapi/applications.py", 1054, "__call__",
               "await super().__call__(scope, receive, send)")
    + _library("starlette/middleware/errors.py", 186, "__call__", "raise exc")
    + _library("starlette/middleware/base.py", 191, "__call__",
               "response = await self.dispatch_func(request, call_next)")
    + _frame("/app/api/middleware/security_middleware.py", 52, "dispatch",
             "response = await call_next(request)")
    + _library("starlette/middleware/base.py", 165, "call_next", "raise app_exc")
    + _library("starlette/middleware/base.py", 191, "__call__",
               "response = await self.dispatch_func(request, call_next)")
    + _frame("/app/api/middleware/error_middleware.py", 37, "dispatch",
             "response = await call_next(request)")
    + _library("starlette/middleware/base.py", 165, "call_next", "raise app_exc")
    + _library("starlette/middleware/base.py", 57, "wrapped_receive",
               "raise RuntimeError(")
    + "RuntimeError: Unexpected message received: http.request"
)  # fmt: skip

TIMEOUT = (
    _BEGIN
    + _library("httpx/_transports/default.py", 101, "map_httpcore_exceptions", "yield")
    + _library("httpcore/_sync/http11.py", 217, "_receive_event", "data = self._stream.read(")
    + "httpcore.ReadTimeout: timed out"
    + _DIRECT
    + _BEGIN
    + _library("celery/app/trace.py", 453, "trace_task", "R = retval = fun(*args, **kwargs)")
    + _frame("/app/worker/tasks/calendar.py", 64, "sync_calendar",
             "answer = client.post(SYNC_PATH, json=body)")
    + _library("httpx/_client.py", 1144, "post", "return self.request(")
    + "httpx.ReadTimeout: timed out"
)  # fmt: skip

RETRIES = (
    _BEGIN
    + _library("celery/app/trace.py", 453, "trace_task", "R = retval = fun(*args, **kwargs)")
    + _frame("/app/worker/tasks/documents.py", 112, "reindex", "raise self.retry(exc=error)")
    + _library("celery/app/task.py", 736, "retry", "raise self.MaxRetriesExceededError(")
)  # fmt: skip

_VALIDATION = (
    _BEGIN
    + _frame("/app/api/routers/documents.py", 87, "create", "document = DocumentIn(**body)")
    + _library("pydantic/main.py", 193, "__init__", "self.__pydantic_validator__.validate_python(")
    + "pydantic_core._pydantic_core.ValidationError: 1 validation error for DocumentIn\n"
    + "%FIELD%\n"
    + "  Field required [type=missing, input_value={'owner': %USER%}, input_type=dict]"
)  # fmt: skip


def validation(user: int, field: str) -> str:
    """Return pydantic's error for a missing field."""
    return _VALIDATION.replace("%FIELD%", field).replace("%USER%", str(user))


EMBEDDING = (
    _BEGIN
    + _frame("/srv/embedder/batch.py", 140, "encode", "vectors = model.encode(texts)")
    + "RuntimeError: The size of tensor a (512) must match the size of tensor b (514)"
)  # fmt: skip
