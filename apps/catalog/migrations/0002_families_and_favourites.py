"""Families of prostheses, favourite acts, and who may import the official tariffs."""

import apps.core.models
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0001_initial"),
        ("directory", "0001_initial"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="tariff",
            options={
                "permissions": [("import_tariff", "Can import the official tariffs")],
                "verbose_name": "tariff",
                "verbose_name_plural": "tariffs",
            },
        ),
        migrations.AddField(
            model_name="act",
            name="family",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "none"),
                    ("crown_temporary", "temporary crown"),
                    ("crown", "crown"),
                    ("inlay_core", "inlay core"),
                    ("bridge", "bridge"),
                    ("denture_complete", "complete denture"),
                    ("denture_both", "complete dentures, both arches"),
                    ("denture_partial", "partial denture"),
                ],
                default="",
                help_text="On quotes, prostheses of one family are alternatives to each other.",
                max_length=20,
                verbose_name="family",
            ),
        ),
        migrations.CreateModel(
            name="FavouriteAct",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.core.models.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                        verbose_name="identifier",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="last changed")),
                (
                    "act",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="favourites",
                        to="catalog.act",
                        verbose_name="act",
                    ),
                ),
                (
                    "practice",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="directory.practice",
                        verbose_name="practice",
                    ),
                ),
                (
                    "practitioner",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: of the whole practice.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="directory.practitioner",
                        verbose_name="practitioner",
                    ),
                ),
            ],
            options={
                "verbose_name": "favourite act",
                "verbose_name_plural": "favourite acts",
                "default_permissions": ("add", "delete", "view"),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("practice", "act", "practitioner"),
                        name="catalog_favourite_once",
                        nulls_distinct=False,
                        violation_error_message="This act is a favourite already.",
                    )
                ],
            },
        ),
    ]
