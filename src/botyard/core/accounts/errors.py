"""What can be wrong with accounts; each docstring is the default message."""

from botyard.kit.errors import Conflict, CredentialsRejected, Forbidden, Invalid, NotFound, Unauthenticated


class NameTaken(Invalid):
    """An account with this user name or mail address exists already."""

    code = "name_taken"


class PasswordTooWeak(Invalid):
    """A password needs at least 8 characters and at most 1024."""

    code = "password_too_weak"


class RegistrationClosed(Forbidden):
    """This server takes no registrations; ask its administrator for an account."""

    code = "registration_closed"


class InvitationRejected(Invalid):
    """This invitation is unknown, used, withdrawn or too old; ask for a new one."""

    code = "invitation_rejected"


class AccountDisabled(CredentialsRejected):
    """This account is disabled; ask an administrator."""

    code = "account_disabled"


class OldPasswordRejected(Invalid):
    """The present password is wrong; nothing was changed."""

    code = "old_password_rejected"


class CodeRejected(Invalid):
    """This code is wrong or was used before; wait for the next one."""

    code = "code_rejected"


class SecondFactorOn(Conflict):
    """The second factor is on already; turn it off before setting up another."""

    code = "second_factor_on"


class NoEnrolment(Invalid):
    """Begin setting up the second factor before confirming it."""

    code = "no_enrolment"


class SessionOver(Unauthenticated):
    """This session has ended; sign in again."""

    code = "session_over"


class TokenRejected(Unauthenticated):
    """This token is not valid or no longer valid; sign in again."""

    code = "token_rejected"


class KeyRejected(Unauthenticated):
    """This API key is unknown, withdrawn or too old."""

    code = "key_rejected"


class ResetRejected(Invalid):
    """This reset link is unknown, used or too old; ask for a new one."""

    code = "reset_rejected"


class LastAdministrator(Invalid):
    """This is the last administrator; make somebody else one first."""

    code = "last_administrator"


class NoSuchUser(NotFound):
    """There is no such user."""

    code = "no_such_user"


class SecondFactorNeeded(Forbidden):
    """This takes a second factor, and your account has none: set it up under Account, Security, then come back."""

    code = "second_factor_needed"


class ProveAgain(Forbidden):
    """Give your password for this; the last time was more than five minutes ago, or in another session."""

    code = "prove_again"
